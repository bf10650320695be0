/*
 * A proxy-wasm HTTP filter in plain C: no SDK, no C library, nothing but the compiler.
 *
 * To every response it adds `x-hatch-wasm: TEXT`, where TEXT is the plugin's configuration (`hello` if there is none).
 * A request that carries the header `x-echo` gets it back on the response.
 *
 * Read it from the bottom up if you only want to see the filter: first comes the memory it needs, then what it
 * remembers about each context, then the callbacks that the proxy calls.
 */
#include "proxy_wasm.h"

/* ---- Memory ---------------------------------------------------------------------------------------------------------
 *
 * The host hands over every string in memory that it asks us for, so a filter without malloc needs a small one.
 * Blocks come in sizes that are powers of two, and a freed block waits in the list of its size until one of that size
 * is asked for. Blocks are never split or joined. So memory grows to what the busiest moments needed and then stays.
 */
#define PAGE_SIZE 65536u  /* WebAssembly memory grows in these steps. */
#define SMALLEST_BLOCK 32u
#define SIZE_CLASSES 20u  /* 32 bytes, 64 bytes, ... 16 MiB: far above any header or configuration. */

struct block {
    size_t size_class;
    struct block *next_free;
};

static struct block *free_blocks[SIZE_CLASSES];

/* The linker defines this symbol. Its address is where our data and stack end and memory is free. */
extern char __heap_base[];
static char *unused = __heap_base;

/* Takes memory that nobody had before; asks the host for more pages where the present ones are used up. */
static void *take_unused(size_t size)
{
    /* 64 bits, because the end of a memory of 4 GiB is one more than 32 bits can say. */
    uint64_t memory_end = (uint64_t)__builtin_wasm_memory_size(0) * PAGE_SIZE;
    uint64_t block_end = (uint64_t)(uintptr_t)unused + size;

    if (block_end > memory_end) {
        size_t pages = (size_t)((block_end - memory_end + PAGE_SIZE - 1) / PAGE_SIZE);
        if (__builtin_wasm_memory_grow(0, pages) == SIZE_MAX) {
            return NULL; /* The host's limit is reached. */
        }
    }
    void *taken = unused;
    unused += size;
    return taken;
}

static void *allocate(size_t size)
{
    size_t size_class = 0;
    /* The subtraction stands on this side because `size + sizeof(struct block)` could overflow. */
    while ((SMALLEST_BLOCK << size_class) - sizeof(struct block) < size) {
        if (++size_class == SIZE_CLASSES) {
            return NULL;
        }
    }
    struct block *block = free_blocks[size_class];
    if (block != NULL) {
        free_blocks[size_class] = block->next_free;
    } else {
        block = take_unused(SMALLEST_BLOCK << size_class);
        if (block == NULL) {
            return NULL;
        }
        block->size_class = size_class;
    }
    return block + 1; /* The caller's part begins after our notes. */
}

static void release(void *memory)
{
    if (memory != NULL) {
        struct block *block = (struct block *)memory - 1;
        block->next_free = free_blocks[block->size_class];
        free_blocks[block->size_class] = block;
    }
}

/* The host needs no way to free: what it allocates here is ours from then on. NULL tells it that memory is short. */
void *proxy_on_memory_allocate(size_t size)
{
    return allocate(size);
}

/* ---- Contexts -------------------------------------------------------------------------------------------------------
 *
 * One VM serves several plugins, and many streams at a time whose callbacks interleave. So nothing about a plugin or a
 * stream may stand in a global variable: it is kept under its context's number. A hash table finds it quickly.
 */
#define BUCKETS 256u

struct text {
    char *bytes;  /* From the host. NULL for an empty text, which is why `present` is a field of its own. */
    size_t size;
    bool present;
};

struct context {
    uint32_t id;
    uint32_t parent_id;
    struct text text;  /* A plugin's configuration, or the value of a stream's x-echo. */
    struct context *next;
};

static struct context *contexts[BUCKETS];

/* Returns the pointer that points to the context, or to NULL where there is none: that is what removing needs. */
static struct context **find(uint32_t id)
{
    struct context **link = &contexts[id % BUCKETS];
    while (*link != NULL && (*link)->id != id) {
        link = &(*link)->next;
    }
    return link;
}

void proxy_on_context_create(uint32_t id, uint32_t parent_id)
{
    struct context *context = allocate(sizeof *context);
    if (context != NULL) { /* Where memory is short, the callbacks below find no context and let the stream pass. */
        *context = (struct context){.id = id, .parent_id = parent_id, .next = contexts[id % BUCKETS]};
        contexts[id % BUCKETS] = context;
    }
}

void proxy_on_delete(uint32_t id)
{
    struct context **link = find(id);
    struct context *context = *link;
    if (context != NULL) {
        *link = context->next;
        release(context->text.bytes);
        release(context);
    }
}

/* ---- The filter -------------------------------------------------------------------------------------------------- */

/* For string literals only: their size is known here, and the NUL at their end isn't part of what the host gets. */
#define LITERAL(text) (text), sizeof(text) - 1
#define LOG(level, message) ((void)proxy_log((level), LITERAL(message))) /* If logging fails, who should we tell? */

#define LONGEST_CONFIGURATION 4096u  /* Many clients refuse a response whose headers are much longer. */

void proxy_abi_version_0_2_1(void)
{
}

bool proxy_on_vm_start(uint32_t id, size_t vm_configuration_size)
{
    (void)id, (void)vm_configuration_size; /* The VM's own configuration is not used. */
    return true;
}

/*
 * Says if bytes may be the value of a header: RFC 9110, section 5.5 has no control character in one but the tab.
 * This is no formality. A line feed would end the header, and let the configuration write headers of its own.
 */
static bool is_header_value(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
            return false;
        }
    }
    return true;
}

/*
 * Called for each plugin (by Envoy in each of its threads, so the log has the line more than once).
 * After false, Envoy refuses the plugin: better at once than with the first request.
 */
bool proxy_on_configure(uint32_t id, size_t plugin_configuration_size)
{
    struct context *plugin = *find(id);
    struct text text = {0};

    if (plugin == NULL) {
        LOG(PROXY_LOG_ERROR, "configuration refused: out of memory");
        return false;
    }
    if (plugin_configuration_size > LONGEST_CONFIGURATION) {
        LOG(PROXY_LOG_ERROR, "configuration refused: it is longer than 4096 bytes");
        return false;
    }
    if (plugin_configuration_size > 0 &&
        proxy_get_buffer_bytes(PROXY_BUFFER_PLUGIN_CONFIGURATION, 0, plugin_configuration_size,
                               &text.bytes, &text.size) != PROXY_OK) {
        LOG(PROXY_LOG_ERROR, "configuration refused: it could not be read");
        return false;
    }
    text.present = text.size > 0;
    if (!is_header_value(text.bytes, text.size)) {
        release(text.bytes);
        LOG(PROXY_LOG_ERROR, "configuration refused: a header's value can't hold a line break or control character");
        return false;
    }
    release(plugin->text.bytes); /* A plugin may be configured again. Until here the old text was in force. */
    plugin->text = text;
    LOG(PROXY_LOG_INFO, "configured");
    return true;
}

/* The request's headers can be read only until this returns. So what the response will need is put aside here. */
enum proxy_action proxy_on_request_headers(uint32_t id, size_t header_count, bool end_of_stream)
{
    struct context *stream = *find(id);
    (void)header_count, (void)end_of_stream;

    if (stream != NULL) {
        struct text echo = {0};
        enum proxy_status status = proxy_get_header_map_value(PROXY_REQUEST_HEADERS, LITERAL("x-echo"),
                                                              &echo.bytes, &echo.size);
        if (status == PROXY_OK) {
            echo.present = true;
        } else if (status != PROXY_NOT_FOUND) { /* A request without x-echo is nothing to complain about. */
            LOG(PROXY_LOG_WARN, "x-echo could not be read");
        }
        release(stream->text.bytes);
        stream->text = echo;
    }
    return PROXY_CONTINUE;
}

enum proxy_action proxy_on_response_headers(uint32_t id, size_t header_count, bool end_of_stream)
{
    struct context *stream = *find(id);
    struct context *plugin = stream != NULL ? *find(stream->parent_id) : NULL;
    enum proxy_status status;
    (void)header_count, (void)end_of_stream;

    if (plugin != NULL) {
        /* Adding leaves room for others: two plugins in a row leave two headers. */
        status = plugin->text.present
                     ? proxy_add_header_map_value(PROXY_RESPONSE_HEADERS, LITERAL("x-hatch-wasm"),
                                                  plugin->text.bytes, plugin->text.size)
                     : proxy_add_header_map_value(PROXY_RESPONSE_HEADERS, LITERAL("x-hatch-wasm"), LITERAL("hello"));
        if (status != PROXY_OK) {
            LOG(PROXY_LOG_WARN, "x-hatch-wasm could not be added");
        }
    }
    if (stream != NULL && stream->text.present) {
        /* Replacing keeps the promise: what comes back is what was sent, whatever the upstream answered. */
        status = proxy_replace_header_map_value(PROXY_RESPONSE_HEADERS, LITERAL("x-echo"),
                                                stream->text.bytes, stream->text.size);
        if (status != PROXY_OK) {
            LOG(PROXY_LOG_WARN, "x-echo could not be added");
        }
    }
    return PROXY_CONTINUE;
}
