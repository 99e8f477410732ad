// What the geometry pass left at this pixel.
uniform sampler2D rest_map, normal_map, surface_map, source_map, depth_map;
uniform mat4 unprojection;
uniform vec3 camera;
uniform mat3 head_turn;
uniform float noise_level;
out vec4 colour;

vec3 place, v, n;
vec4 rest, surface;
float open, along;
int material;

void fetch() {
    ivec2 px = ivec2(gl_FragCoord.xy);
    vec2 screen = gl_FragCoord.xy / vec2(textureSize(rest_map, 0));
    rest = texelFetch(rest_map, px, 0);
    vec4 far = unprojection * vec4(screen * 2.0 - 1.0, texelFetch(depth_map, px, 0).r * 2.0 - 1.0, 1.0);
    place = far.xyz / far.w;
    v = normalize(camera - place);
    vec4 facing = texelFetch(normal_map, px, 0);
    n = normalize(facing.xyz);
    open = facing.w;
    surface = texelFetch(surface_map, px, 0);
    along = texelFetch(source_map, px, 0).w;
    material = int(rest.w + 0.5);
}
