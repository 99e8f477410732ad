#version 330
in vec3 in_place;
uniform mat4 projection;
void main() { gl_Position = projection * vec4(in_place, 1.0); }
