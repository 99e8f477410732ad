#version 330
// Geometry pass: everything solid, as seen by the camera.
in vec3 in_place;    // camera axes, origin at the neck's pivot
in vec3 in_normal;
in float in_fold;    // how deep expression folds are here
in vec3 in_rest;     // canonical place: on the mean head at rest, or of what is worn
in vec2 in_uv;
in vec3 in_look;     // material, occlusion, tone
in vec3 in_tangent;  // of strands
in vec3 in_source;   // where this point was in the source picture: pixels x, y; depth

uniform mat4 projection;
uniform mat3 head_turn;

out vec3 normal, rest, tangent, source;
out vec2 uv;
out float fold;
flat out int material;
out vec2 look;

void main() {
    normal = in_normal; rest = in_rest; tangent = head_turn * in_tangent;
    source = in_source; uv = in_uv; fold = in_fold;
    material = int(in_look.x + 0.5);
    look = in_look.yz;
    gl_Position = projection * vec4(in_place, 1.0);
}
