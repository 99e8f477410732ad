#version 330
#include common
in vec3 place, normal;
in vec2 uv;
in vec4 kind;
uniform vec3 camera, lash_colour, lens_tint;
uniform float lash_weight, lens_dark;
out vec4 colour;

void main() {
    int what = int(kind.x + 0.5);
    if (what == 0) {  // shade of the upper lid and the corners on the eyeball
        float y = abs(uv.y - 0.55) * 2.0;
        float lids = smoothstep(0.1, 0.95, uv.y > 0.55 ? y : y * 0.55);
        float corners = smoothstep(0.8, 1.0, uv.x) + smoothstep(0.2, 0.03, uv.x);
        colour = vec4(vec3(0.10, 0.045, 0.035), clamp(lids * 0.75 + corners * 0.45, 0.0, 0.85) * 0.85);
    } else if (what == 1) {
        bool upper = kind.w > 0.5;
        float across = kind.y * (upper ? 24.0 : 20.0), along = kind.z;
        float r = fract(sin(floor(across) * 12.99) * 43758.5);
        float middle = 0.5 + (r - 0.5) * (0.5 + 0.6 * along);
        float half_ = mix(0.22, 0.03, along) * (upper ? 1.0 : 0.75);
        float off = abs(fract(across) - middle), blur = fwidth(across);
        float there = step(along, upper ? 0.62 + 0.3 * r : 0.45 + 0.25 * r);
        float hair = smoothstep(half_ + blur * 0.6, half_ - blur * 0.6, off) * there;
        float far = 2.0 * half_ * there;
        float alpha = mix(hair, far, clamp(blur * 1.2 - 0.4, 0.0, 1.0));
        alpha *= (upper ? 0.95 : 0.5) * lash_weight * smoothstep(0.0, 0.06, kind.y) * smoothstep(1.0, 0.94, kind.y);
        colour = vec4(pow(lash_colour, vec3(0.45)), alpha);
    } else {
        vec3 v = normalize(camera - place), n = normalize(normal);
        float grazing = 0.04 + 0.6 * pow(1.0 - max(dot(n, v), 0.0), 5.0);
        vec3 sky = develop(reflected(reflect(-v, n), 0.0) * 0.9);
        float alpha = clamp(lens_dark + grazing, 0.0, 0.95);
        colour = vec4(mix(lens_tint, sky, grazing / max(alpha, 0.01)), alpha);
    }
}
