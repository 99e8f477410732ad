#version 330
in vec3 normal, rest, tangent, source;
in vec2 uv;
in float fold;
flat in int material;
in vec2 look;

uniform sampler2D cards;  // painted hairs: coverage, tone
uniform float neck_cut, card_level;

layout(location = 0) out vec4 out_rest;     // place, material
layout(location = 1) out vec4 out_normal;   // normal, occlusion
layout(location = 2) out vec4 out_surface;  // uv + fold + tone, or strand tangent + tone
layout(location = 3) out vec4 out_source;   // source x, y, depth; place along a strand

float hash(vec2 p) { return fract(52.9829189 * fract(dot(p, vec2(0.06711056, 0.00583715)))); }

void main() {
    bool strand = material == 8 || material == 9;
    vec4 surface = vec4(uv, fold, look.y);
    float along = 0.0;
    if (strand) {
        vec4 card = textureLod(cards, uv, card_level);
        if (card.r * 1.25 < 0.30 + 0.45 * hash(gl_FragCoord.xy)) discard;
        surface = vec4(tangent, look.y * 0.6 + card.g * 0.4);
        along = uv.y;
    } else if (material == 0) {
        // The neck's skin ends under the clothes.
        if (rest.y < neck_cut ||
            (rest.y < -10.8 && length(vec2(rest.x, (rest.z + 2.0) * 0.9)) > 7.35))
            discard;
    }
    out_rest = vec4(rest, float(material));
    out_normal = vec4(normal, look.x);
    out_surface = surface;
    out_source = vec4(source, along);
}
