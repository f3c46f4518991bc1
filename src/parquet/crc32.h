/*
 * crc32.h - the checksum of Parquet's pages and of our own small files: CRC-32/ISO-HDLC, the one of gzip and Ethernet.
 *
 * Check value: "123456789" gives 0xCBF43926. Thread: any. Memory: none.
 */
#pragma once

#include "base/base.h"

uint32_t crc32_of(const void *bytes, size_t n);
uint32_t crc32_more(uint32_t crc, const void *bytes, size_t n);        /* goes on from an earlier result */
