/* What the reader and the writer know of records: lib/format's own. */
#ifndef FORMAT_LAT_INTERNAL_H
#define FORMAT_LAT_INTERNAL_H

#include "format/lat.h"

bool lat_name_ok(const char *name);

/* Product of the shape, checked against every limit. */
int lat_shape_elements(int64_t *elements, int rank, const int64_t *shape, err *e);

/* An empty tensor NAME with an empty meta, in the place of the old one or at the end. */
int lat_slot(lat_record *r, const char *name, lat_tensor **out, err *e);

#endif
