#version 330
// Teeth, gums, tongue, palate, and what little shows behind the lids.
#include common
#include surface

uniform vec3 enamel, gum_colour, tongue_colour;
uniform vec3 mouth_centre;  // middle of the opening, camera axes
uniform vec4 mouth_size;    // half width, half height, curvature of the lips, how open

// How much of the outside a place behind the lips sees: the opening's angular width times height.
float seen_through_lips(vec3 at) {
    float a = max(mouth_size.x, 0.3);
    float x = clamp(at.x / a, -1.4, 1.4);
    float lip_z = -mouth_size.z * at.x * at.x;
    float depth = max(lip_z - at.z, 0.0) + 0.10;
    float b = mouth_size.y * sqrt(max(1.0 - x * x, 0.02)) + 0.02;
    float across = (atan((a - at.x) / depth) + atan((a + at.x) / depth)) / 3.14159;
    float upright = (atan((b - at.y) / depth) + atan((b + at.y) / depth)) / 3.14159;
    return clamp(across, 0.0, 1.0) * clamp(upright, 0.0, 1.0);
}

vec3 mouth() {
    vec3 at = transpose(head_turn) * (place - mouth_centre);
    float outside = seen_through_lips(at);
    float behind = max(-mouth_size.z * at.x * at.x - at.z, 0.0);
    float open = pow(outside, 0.8) * exp(-0.13 * behind);
    vec3 grain = textureLod(noise, rest.xy * 0.45 + rest.z * 0.21, noise_level).rgb;
    vec3 fine_grain = textureLod(noise, rest.xz * 1.7 + rest.y * 0.4, noise_level).rgb;
    vec3 albedo; float rough = 0.3, gloss = 0.5; vec3 wrap = vec3(0.4, 0.2, 0.18);
    if (material == 3 || material == 4) {
        float height = fract(surface.w), tone = (floor(surface.w) - 16.0) / 8.0;
        albedo = enamel * (1.0 + 0.07 * tone);
        albedo = mix(albedo * vec3(0.92, 0.80, 0.62), albedo, smoothstep(0.0, 0.45, height));
        albedo = mix(albedo, vec3(0.55, 0.56, 0.58) * enamel.r, 0.45 * smoothstep(0.82, 1.0, height));
        albedo *= 0.93 + 0.14 * grain.x;
        rough = 0.24; gloss = 0.40; wrap = vec3(0.35, 0.32, 0.28);
        n = normalize(n + (grain - 0.5) * 0.25);
    } else if (material == 2) {
        albedo = gum_colour * (0.75 + 0.5 * grain.y);
        n = normalize(n + (fine_grain - 0.5) * 0.5);
        gloss = 0.6;
    } else if (material == 5) {
        albedo = tongue_colour * (0.60 + 0.40 * grain.x + 0.20 * fine_grain.y);
        albedo = mix(albedo, vec3(0.62, 0.40, 0.38) * tongue_colour.r * 1.3, 0.35 * fine_grain.x * max(n.y, 0.0));
        n = normalize(n + (fine_grain - 0.5) * 0.9);
        rough = 0.42; gloss = 0.25;
    } else {
        albedo = gum_colour * vec3(0.55, 0.42, 0.42) * (0.7 + 0.5 * grain.x);
        gloss = 0.25;
    }
    if (dot(n, v) < 0.0) n = -n;
    float s = lit(place, n);
    vec3 bounced = vec3(0.055, 0.016, 0.014) * (irradiance(vec3(0.0, 0.0, 1.0)) + 0.4 * key_colour)
        * mouth_size.w * exp(-0.28 * behind);
    vec3 diffuse = irradiance(normalize(mix(n, head_turn * vec3(0.0, 0.0, 1.0), 0.5))) * open
        + key_colour * wrapped(dot(n, key_direction), wrap) * s * min(1.0, 1.5 * open) * 0.85 + bounced;
    vec3 specular = key_colour * ggx(n, v, key_direction, rough) * s * min(1.0, 2.5 * open);
    specular += reflected(reflect(-v, n), 1.6) * (0.03 + 0.3 * pow(1.0 - max(dot(n, v), 0.0), 5.0)) * open;
    return albedo * diffuse + specular * gloss;
}

void main() {
    fetch();
    vec3 c = material == 7 ? vec3(0.10, 0.03, 0.03) * irradiance(n) : mouth();
    colour = vec4(develop(c), 1.0);
}
