#version 330
// One texel a picture's pixel: what most of its samples show, and their mean place.
uniform sampler2D rest_map, surface_map, source_map, depth_map;
uniform usampler2DArray skin_parts;
uniform vec3 eye_rest[2], eye_rest_axis[2];
uniform int samples;             // a side
uniform vec2 depth_range;
layout(location = 0) out vec4 out_rest;    // canonical place; part
layout(location = 1) out vec4 out_source;  // pixels in the source picture, depth there; depth here

float part_of(vec4 rest, vec4 surface) {
    int material = int(floor(rest.w + 0.5));
    if (material < 0) return 0.0;
    if (material == 0) {
        float tile = floor(surface.x);
        vec2 size = vec2(textureSize(skin_parts, 0).xy);
        ivec2 at = ivec2(clamp(vec2(surface.x - tile, surface.y), 0.0, 0.9999) * size);
        return float(texelFetch(skin_parts, ivec3(at, int(tile)), 0).r);
    }
    if (material == 1) return 11.0;
    if (material == 2) return 12.0;
    if (material == 3) return 8.0;
    if (material == 4) return 9.0;
    if (material == 5) return 10.0;
    if (material == 6) {
        int k = rest.x < 0.0 ? 0 : 1;
        vec3 d = normalize(rest.xyz - eye_rest[k]);
        return dot(d, eye_rest_axis[k]) > 0.88 ? 7.0 : 6.0;
    }
    if (material == 7) return 6.0;
    if (material == 8) return 13.0;
    if (material == 9) return 14.0;
    if (material == 10) return 17.0;
    if (material == 11) return 15.0;
    if (material == 12) return surface.w > 0.75 ? 17.0 : 15.0;
    return 16.0;
}

void main() {
    ivec2 first = ivec2(gl_FragCoord.xy) * samples;
    ivec2 p0 = first, p1 = first, p2 = first, p3 = first;
    if (samples == 2) { p1 += ivec2(1, 0); p2 += ivec2(0, 1); p3 += ivec2(1, 1); }
    vec4 r0 = texelFetch(rest_map, p0, 0), r1 = texelFetch(rest_map, p1, 0);
    vec4 r2 = texelFetch(rest_map, p2, 0), r3 = texelFetch(rest_map, p3, 0);
    vec4 parts = vec4(part_of(r0, texelFetch(surface_map, p0, 0)), 0.0, 0.0, 0.0);
    parts.yzw = samples == 1 ? parts.xxx : vec3(
        part_of(r1, texelFetch(surface_map, p1, 0)), part_of(r2, texelFetch(surface_map, p2, 0)),
        part_of(r3, texelFetch(surface_map, p3, 0)));
    vec4 votes = vec4(dot(vec4(equal(parts, parts.xxxx)), vec4(1.0)), dot(vec4(equal(parts, parts.yyyy)), vec4(1.0)),
                      dot(vec4(equal(parts, parts.zzzz)), vec4(1.0)), dot(vec4(equal(parts, parts.wwww)), vec4(1.0)));
    float best = parts.x, most = votes.x;
    if (votes.y > most) { best = parts.y; most = votes.y; }
    if (votes.z > most) { best = parts.z; most = votes.z; }
    vec4 share = vec4(equal(parts, vec4(best))) / most;
    vec4 z = vec4(texelFetch(depth_map, p0, 0).r, texelFetch(depth_map, p1, 0).r,
                  texelFetch(depth_map, p2, 0).r, texelFetch(depth_map, p3, 0).r) * 2.0 - 1.0;
    vec4 depth = 2.0 * depth_range.x * depth_range.y
        / (depth_range.y + depth_range.x - z * (depth_range.y - depth_range.x));
    vec3 rest = mat4x3(r0.xyz, r1.xyz, r2.xyz, r3.xyz) * share;
    vec3 source = mat4x3(texelFetch(source_map, p0, 0).xyz, texelFetch(source_map, p1, 0).xyz,
                         texelFetch(source_map, p2, 0).xyz, texelFetch(source_map, p3, 0).xyz) * share;
    out_rest = vec4(rest, best);
    out_source = vec4(source, dot(depth, share));
}
