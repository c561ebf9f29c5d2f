/* Pixels and letters: for lib/volume's own pictures. */
#ifndef VOLUME_PAINT_H
#define VOLUME_PAINT_H

#include "volume/picture.h"

typedef struct colour {
	unsigned char r, g, b;
} colour;

enum { GLYPH_WIDTH = 5, GLYPH_HEIGHT = 7 };

/* Black. ERR_OS. */
int picture_new(picture *out, int width, int height, err *e);
/* Nothing happens outside the picture. */
void paint_pixel(picture *p, int x, int y, colour c);
/* Text in capitals whose upper left corner is x, y, each dot zoom x zoom pixels; what has no glyph is left blank. */
void paint_text(picture *p, int x, int y, int zoom, colour c, const char *text);

#endif
