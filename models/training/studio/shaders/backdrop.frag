#version 330
uniform sampler2D backdrop, rest_map;
out vec4 colour;
void main() {
    vec2 screen = gl_FragCoord.xy / vec2(textureSize(rest_map, 0));
    colour = vec4(textureLod(backdrop, screen, 0.0).rgb, 1.0);
}
