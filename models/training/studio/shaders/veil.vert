#version 330
// What is drawn with transparency over the shaded picture: lashes, shade under the lids, lenses.
in vec3 in_place;
in vec3 in_normal;
in vec2 in_uv;
in vec4 in_kind;  // 0 shade, 1 lash, 2 lens; then lash: across, along, upper
uniform mat4 projection;
out vec3 place, normal;
out vec2 uv;
out vec4 kind;
void main() {
    place = in_place; normal = in_normal; uv = in_uv; kind = in_kind;
    gl_Position = projection * vec4(in_place, 1.0);
    gl_Position.z -= 0.0004 * gl_Position.w;
}
