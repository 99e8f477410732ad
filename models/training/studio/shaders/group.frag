#version 330
// Which shading program a pixel belongs to, as depth: each then runs where the depth is its own.
// Of a 2 x 2 block that shows one smooth surface only the first sample is shaded.
uniform sampler2D rest_map;
uniform float sparing;  // 1: blocks may be shaded once
uniform float reach;    // how far apart samples of one smooth surface lie at most, model units

out vec4 colour;         // cleared: what is not shaded must not count

float group_of(float material) {
    if (material < -0.5) return 0.0;  // backdrop
    if (material < 0.5) return 1.0;   // skin
    if (material < 5.5) return 2.0;   // mouth
    if (material < 6.5) return 3.0;   // eye
    if (material < 7.5) return 2.0;   // socket
    if (material < 9.5) return 4.0;   // hair and beard
    return 5.0;                       // things
}

void main() {
    ivec2 px = ivec2(gl_FragCoord.xy), first = px & ~1;
    float material = texelFetch(rest_map, px, 0).w;
    float group = group_of(material);
    bool later = sparing > 0.5 && first != px;
    if (later && (group < 1.5 || group > 4.5)) {
        vec4 a = texelFetch(rest_map, first, 0), b = texelFetch(rest_map, first + ivec2(1, 0), 0);
        vec4 c = texelFetch(rest_map, first + ivec2(0, 1), 0), d = texelFetch(rest_map, first + 1, 0);
        bool one = a.w == b.w && a.w == c.w && a.w == d.w;
        bool smooth_ = one && (material < -0.5 ||
            max(distance(a.xyz, d.xyz), distance(b.xyz, c.xyz)) < reach);
        // Lashes and lenses are drawn over every sample near the eyes.
        bool eyes = material < 0.5 && material > -0.5 && a.z > 5.0 && a.y > 1.4 && a.y < 6.6;
        if (smooth_ && !eyes) group = 7.0;
    }
    colour = vec4(0.0);
    gl_FragDepth = (group + 1.0) / 8.0;
}
