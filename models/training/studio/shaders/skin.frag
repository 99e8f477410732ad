#version 330
// Skin and lips.
#include common
#include surface

uniform sampler2DArray skin_albedo, skin_relief, skin_folds;
uniform float skin_level, tilt_scale;
uniform vec3 translucency;

vec3 skin() {
    float tile = floor(surface.x);
    vec3 at = vec3(surface.x - tile, surface.y, tile);
    vec4 paint = textureLod(skin_albedo, at, skin_level);
    vec4 bump = textureLod(skin_relief, at, skin_level);
    vec4 crease = textureLod(skin_folds, at, skin_level);
    vec3 tilt = (bump.rgb - 0.5) * 2.0 * tilt_scale + (crease.rgb - 0.5) * 2.0 * tilt_scale * surface.z;
    vec3 fine = normalize(n - head_turn * tilt);
    vec3 soft = normalize(n - head_turn * tilt * 0.35);  // blood scatters light: red sees less relief
    vec3 albedo = paint.rgb * paint.rgb;
    float dark = crease.a * surface.z * 0.55;
    albedo *= 1.0 - dark * vec3(0.45, 0.62, 0.62);
    float s = lit(place, n);
    vec3 shadow = vec3(pow(s, 0.65), s, s);
    vec3 shade = pow(vec3(open * (1.0 - 0.5 * dark)), vec3(0.80, 1.0, 1.08));
    float red = max(dot(soft, key_direction), -1.0), blue = dot(fine, key_direction);
    vec3 direct = vec3(wrapped(red, translucency).r, wrapped(mix(red, blue, 0.6), translucency).g,
                       wrapped(blue, translucency).b);
    vec3 diffuse = irradiance(soft) * shade + key_colour * direct * shadow * mix(vec3(1.0), shade, 0.4)
        + rim_colour * max(dot(soft, rim_direction), 0.0) * shade;
    float wet = bump.a;  // lips
    float rough = mix(0.62, 0.36, paint.a) - 0.08 * wet;
    float shine = ggx(fine, v, key_direction, rough) * 0.75 + 0.25 * ggx(fine, v, key_direction, rough * 0.55);
    vec3 specular = key_colour * shine * s * (0.22 + 0.42 * paint.a)
        + rim_colour * ggx(fine, v, rim_direction, rough) * 0.3 * open;
    float grazing = 0.028 + 0.16 * pow(1.0 - max(dot(n, v), 0.0), 4.0);
    specular += reflected(reflect(-v, fine), mix(3.6, 2.2, wet)) * grazing * (0.35 + 0.6 * paint.a) * open;
    return albedo * diffuse + specular * mix(0.7, 1.0, open);
}

void main() {
    fetch();
    colour = vec4(develop(skin()), 1.0);
}
