/*
 * The part of the proxy-wasm ABI 0.2.1 that plugin.c uses.
 *
 * https://github.com/proxy-wasm/spec has the whole of it. What is declared here once is checked by the compiler
 * wherever it is used. That matters most for the callbacks: Envoy refuses a module whose callback has another
 * signature than it wants, and it never calls one whose name is misspelt.
 */
#ifndef PROXY_WASM_H
#define PROXY_WASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The host answers every call with one of these; there are more, but a plugin seldom needs to tell them apart. */
enum proxy_status { PROXY_OK = 0, PROXY_NOT_FOUND = 1 };

enum proxy_log_level { PROXY_LOG_INFO = 2, PROXY_LOG_WARN = 3, PROXY_LOG_ERROR = 4 };

enum proxy_buffer { PROXY_BUFFER_PLUGIN_CONFIGURATION = 7 };

enum proxy_header_map { PROXY_REQUEST_HEADERS = 0, PROXY_RESPONSE_HEADERS = 2 };

/* What the proxy does next with a stream. */
enum proxy_action { PROXY_CONTINUE = 0, PROXY_PAUSE = 1 };

/*
 * Host calls. Strings go both ways as an address and a size in bytes, without a NUL at the end.
 * A string that the host returns lies in memory that it asked proxy_on_memory_allocate for. It belongs to the plugin,
 * which has to free it. An empty one needs no memory: its address is NULL.
 */
#define HOST_CALL(name) __attribute__((import_module("env"), import_name(#name))) enum proxy_status name

HOST_CALL(proxy_log)(enum proxy_log_level level, const char *message, size_t size);

HOST_CALL(proxy_get_buffer_bytes)(enum proxy_buffer buffer, size_t start, size_t max_size,
                                  char **returned, size_t *returned_size);

HOST_CALL(proxy_get_header_map_value)(enum proxy_header_map map, const char *name, size_t name_size,
                                      char **returned, size_t *returned_size);

HOST_CALL(proxy_add_header_map_value)(enum proxy_header_map map, const char *name, size_t name_size,
                                      const char *value, size_t value_size);

HOST_CALL(proxy_replace_header_map_value)(enum proxy_header_map map, const char *name, size_t name_size,
                                          const char *value, size_t value_size);

/*
 * Callbacks: the plugin defines them, the host calls them. A context is either a plugin, as one entry of the proxy's
 * configuration set it up (then its parent is 0), or one HTTP stream that passes through that plugin (its parent).
 */
#define CALLBACK(name) __attribute__((export_name(#name))) name

void CALLBACK(proxy_abi_version_0_2_1)(void); /* Never called: its name is what the host looks for. */
void *CALLBACK(proxy_on_memory_allocate)(size_t size);
void CALLBACK(proxy_on_context_create)(uint32_t id, uint32_t parent_id);
bool CALLBACK(proxy_on_vm_start)(uint32_t id, size_t vm_configuration_size);
bool CALLBACK(proxy_on_configure)(uint32_t id, size_t plugin_configuration_size);
enum proxy_action CALLBACK(proxy_on_request_headers)(uint32_t id, size_t header_count, bool end_of_stream);
enum proxy_action CALLBACK(proxy_on_response_headers)(uint32_t id, size_t header_count, bool end_of_stream);
void CALLBACK(proxy_on_delete)(uint32_t id);

#endif
