/* SPDX-License-Identifier: GPL-2.0-only */
/* No speculation to fear here, but the bounds must hold already. */
#ifndef _RING_LINUX_NOSPEC_H
#define _RING_LINUX_NOSPEC_H

#include <assert.h>

#define array_index_nospec(index, size)					\
({									\
	__typeof__(index) _index = (index);				\
									\
	assert(_index < (size));					\
	_index;								\
})

#endif
