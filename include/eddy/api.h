/* Compiler attributes used by every public header. Nothing here has a cost. */
#ifndef EDDY_API_H
#define EDDY_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32) && defined(EDDY_SHARED)
#ifdef EDDY_BUILDING
#define EDDY_API __declspec(dllexport)
#else
#define EDDY_API __declspec(dllimport)
#endif
#elif defined(__GNUC__)
#define EDDY_API __attribute__((visibility("default")))
#else
#define EDDY_API
#endif

#if defined(__GNUC__)
#define EDDY_NODISCARD __attribute__((warn_unused_result))
#define EDDY_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define EDDY_NODISCARD
#define EDDY_PRINTF(text, first)
#endif

#ifdef __cplusplus
#define EDDY_BEGIN_DECLS extern "C" {
#define EDDY_END_DECLS }
#else
#define EDDY_BEGIN_DECLS
#define EDDY_END_DECLS
#endif

/* "file:line text" as one string literal: where something was created, and what. */
#define EDDY_STRINGIFY_(x) #x
#define EDDY_STRINGIFY(x) EDDY_STRINGIFY_(x)
#define EDDY_SITE(text) __FILE__ ":" EDDY_STRINGIFY(__LINE__) " " text

#endif
