/*
 * parquet.h - the door of parquet: tables as Parquet files, written in one pass and read page by page.
 *
 *   format.h   the words: types, encodings, a column, where everything lies in a file
 *   writer.h   columns in, a file out, with bounded memory
 *   reader.h   where things lie, single pages, columns row by row
 *   code.h     the encodings of values, for who packs values in memory the same way
 *   lanes.h    loops over the values of a page, four and four
 *   crc32.h    the checksum of pages
 *
 * It knows columns, not what they mean: who writes brings the columns, and who reads must know them.
 */
#pragma once

#include "parquet/code.h"
#include "parquet/crc32.h"
#include "parquet/format.h"
#include "parquet/lanes.h"
#include "parquet/reader.h"
#include "parquet/writer.h"
