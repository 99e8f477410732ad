#version 330
// Clothes, hats, metal, frames.
#include common
#include surface

uniform vec3 cloth_colour, cloth_colour2, hat_colour, metal_colour, frame_colour;
uniform float cloth_kind;

vec3 cloth(vec3 first, vec3 second, float kind, float s) {
    vec4 grain = textureLod(noise, rest.xy * 0.25, noise_level), folds = textureLod(noise, rest.xy * 0.05, 0.0);
    float pattern = 0.0;
    if (kind < 1.0) pattern = 0.3 * smoothstep(0.45, 0.6, grain.y);
    else if (kind < 2.0) pattern = smoothstep(0.0, 0.2, sin(rest.y * 2.6 + 0.6 * folds.x));
    else if (kind < 3.0) pattern = 0.5 * (step(0.0, sin(rest.x * 2.0)) + step(0.0, sin(rest.y * 2.0)));
    else pattern = smoothstep(0.55, 0.62, folds.z) * 0.7;
    vec3 albedo = mix(first, second, pattern) * (0.8 + 0.4 * grain.x);
    float weave = sin(rest.x * 14.0) * sin(rest.y * 14.0);
    albedo *= 1.0 + 0.05 * weave;
    n = normalize(n + (folds.xyz - 0.5) * 0.5 + (grain.xyz - 0.5) * 0.15);
    vec3 c = albedo * (irradiance(n) * open + key_colour * wrapped(dot(n, key_direction), vec3(0.12)) * s * mix(1.0, open, 0.5)
        + rim_colour * max(dot(n, rim_direction), 0.0));
    return c + pow(1.0 - max(dot(n, v), 0.0), 3.0) * albedo * 0.25 * irradiance(n);
}

vec3 metal(vec3 base, float rough, float s) {
    vec4 grain = textureLod(noise, rest.xy * 0.12 + rest.z * 0.09, noise_level);
    n = normalize(n + (grain.xyz - 0.5) * 0.22);
    float worn = smoothstep(0.35, 0.75, grain.w);
    vec3 c = base * mix(0.5, 1.0, worn) * (reflected(reflect(-v, n), mix(1.5, 3.0, rough)) * 0.8
        + 0.35 * irradiance(n) + key_colour * max(dot(n, key_direction), 0.0) * 0.25 * s) * open;
    return c + base * key_colour * ggx(n, v, key_direction, 0.25 + 0.3 * rough) * 18.0 * s * 0.4;
}

void main() {
    fetch();
    float s = lit(place, n);
    vec3 c;
    if (material <= 11) {
        bool hat = material == 11;
        c = cloth(hat ? hat_colour : cloth_colour, cloth_colour2, hat ? 0.0 : cloth_kind, s);
    } else {
        bool frame = material == 13;
        c = metal(frame ? frame_colour : metal_colour, frame ? 0.2 : 0.5, s);
    }
    colour = vec4(develop(c), 1.0);
}
