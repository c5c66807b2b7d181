/* The book of live memory: what eddy and libuv have allocated, and from where. */
#ifndef EDDY_TESTS_FAULTS_BOOK_H
#define EDDY_TESTS_FAULTS_BOOK_H

#include <stddef.h>

enum faults_owner {
  FAULTS_OF_EDDY = 1,
  FAULTS_OF_LIBUV,
  FAULTS_MAPPED, /* eddy's, by mmap */
};

void faults_book_add(void *block, size_t size, enum faults_owner owner);

/* Takes the block out and returns its size. One that is not in the book, or is another
 * owner's, is a problem. */
size_t faults_book_remove(void *block, enum faults_owner owner);

/* Bytes of the heap that were added since faults_mark_live and live. */
size_t faults_book_bytes(void);

/* From now on each entry remembers the stack of whoever made it. */
void faults_book_trace(void);

/* Prints the stack of the caller's caller. */
void faults_print_here(void);

#endif
