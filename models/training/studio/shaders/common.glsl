// Light and surfaces, shared by the shading passes.
uniform vec3 harmonics[9];
uniform vec3 key_direction, key_colour, rim_direction, rim_colour;
uniform sampler2D surround;        // radiance by direction, with coarser levels
uniform sampler2DShadow shadow_map;
uniform mat4 shadow_projection;
uniform float shadow_softness, exposure;
uniform sampler2D noise;

vec3 irradiance(vec3 n) {
    return max(0.282095 * harmonics[0]
        + 0.488603 * (harmonics[1] * n.y + harmonics[2] * n.z + harmonics[3] * n.x)
        + 1.092548 * (harmonics[4] * n.x * n.y + harmonics[5] * n.y * n.z + harmonics[7] * n.x * n.z)
        + 0.315392 * harmonics[6] * (3.0 * n.z * n.z - 1.0)
        + 0.546274 * harmonics[8] * (n.x * n.x - n.y * n.y), vec3(0.0));
}

vec3 reflected(vec3 d, float level) {
    vec2 at = vec2(atan(d.x, d.z) / 6.2831853 + 0.5, asin(clamp(d.y, -1.0, 1.0)) / 3.1415927 + 0.5);
    return textureLod(surround, at, level).rgb;
}

float lit(vec3 place, vec3 n) {
    vec4 at = shadow_projection * vec4(place + n * 0.14, 1.0);
    vec3 q = at.xyz * 0.5 + 0.5;
    if (q.x < 0.0 || q.x > 1.0 || q.y < 0.0 || q.y > 1.0) return 1.0;
    q.z -= 0.0011;
    float e = shadow_softness / 512.0;
    return 0.28 * texture(shadow_map, q)
        + 0.18 * (texture(shadow_map, q + vec3(e, 0.45 * e, 0.0))
                + texture(shadow_map, q + vec3(-0.45 * e, e, 0.0))
                + texture(shadow_map, q + vec3(-e, -0.45 * e, 0.0))
                + texture(shadow_map, q + vec3(0.45 * e, -e, 0.0)));
}

float ggx(vec3 n, vec3 v, vec3 l, float rough) {
    vec3 h = normalize(v + l);
    float a = rough * rough, nh = max(dot(n, h), 0.0), d = nh * nh * (a * a - 1.0) + 1.0;
    float nl = max(dot(n, l), 0.0), nv = max(dot(n, v), 0.05), k = a * 0.5;
    float fresnel = 0.028 + 0.972 * pow(1.0 - max(dot(v, h), 0.0), 5.0);
    float g = 4.0 * (nl * (1.0 - k) + k) * (nv * (1.0 - k) + k) + 1e-3;
    return min(a * a / (3.14159 * d * d) * fresnel * nl / g, 4.0);
}

// Light that bleeds round the terminator, farther for red.
vec3 wrapped(float nl, vec3 w) { return max((vec3(nl) + w) / (1.0 + w), 0.0) / (1.0 + 0.6 * w); }

vec3 develop(vec3 c) {
    c *= exposure;
    c = (c * (2.51 * c + 0.03)) / (c * (2.43 * c + 0.59) + 0.14);
    return pow(clamp(c, 0.0, 1.0), vec3(1.0 / 2.2));
}
