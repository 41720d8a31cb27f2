/* The C API: the loop of the C++ API for other languages. Pure C11.
 *
 * Handles are opaque and made by *_open or *_create; *_close takes NULL. A home or an engine may be
 * used from several threads, but must not be closed while a call on it runs. An engine must be
 * closed before the home that is attached to it.
 *
 * Every function that can fail returns a selvedge_status; selvedge_last_error() then has one line
 * about it for the calling thread. Out parameters are written only on success. Texts are UTF-8;
 * those of a report stay valid until the next call with the same report, or its *_free.
 *
 * Structs begin with struct_size. Params come from their *_default_params function, which sets it;
 * in a report set it to sizeof before the call (0 counts as this header's). A program that was built
 * with an older header keeps working with a newer library. */
#ifndef SELVEDGE_C_API_H_
#define SELVEDGE_C_API_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define SELVEDGE_API __attribute__((visibility("default")))
#else
#define SELVEDGE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* As selvedge::StatusCode; the numbers never change. */
typedef enum selvedge_status {
  SELVEDGE_OK = 0,
  SELVEDGE_USAGE = 1,        /* wrong arguments or options */
  SELVEDGE_NOT_FOUND = 2,    /* a named thing does not exist */
  SELVEDGE_FORMAT = 3,       /* malformed input */
  SELVEDGE_LIMIT = 4,        /* input larger than a stated cap */
  SELVEDGE_AUTH = 5,         /* signature, MAC or key is wrong */
  SELVEDGE_POLICY = 6,       /* refused: no consent, budget spent */
  SELVEDGE_INCOMPATIBLE = 7, /* well formed, but for something else */
  SELVEDGE_DEFERRED = 8,     /* try later: device conditions, not enough data */
  SELVEDGE_IO = 9,
  SELVEDGE_NO_SPACE = 10,
  SELVEDGE_BUSY = 11,      /* another process holds it */
  SELVEDGE_NUMERIC = 12,   /* NaN or infinity where numbers are needed */
  SELVEDGE_KEY_LOST = 13,  /* the key is gone; the data cannot be read again */
  SELVEDGE_CANCELLED = 14, /* stopped on request, state saved */
  SELVEDGE_INTERNAL = 15   /* a bug of the library */
} selvedge_status;

typedef struct selvedge_home selvedge_home;
typedef struct selvedge_engine selvedge_engine;
typedef struct selvedge_adapter_list selvedge_adapter_list;

SELVEDGE_API const char* selvedge_version(void); /* "MAJOR.MINOR.PATCH" */
SELVEDGE_API const char* selvedge_status_name(selvedge_status status);
/* About the last call of this thread that failed; never NULL. */
SELVEDGE_API const char* selvedge_last_error(void);

/* ---- home ---- */

typedef struct selvedge_home_params {
  size_t struct_size;
  const char* path; /* of the home; needed */
  /* At most one; none: a key file of the home's own. See selvedge::KeySource. */
  const char* key_file;
  const char* passphrase_file;
  const char* key_provider;
  /* For selvedge_home_create only. */
  const char* model_path; /* GGUF; NULL = the embedded model */
  const char* unit;       /* "record" | "thread" | "day" */
  double epsilon_budget;
  double delta;
} selvedge_home_params;

SELVEDGE_API selvedge_home_params selvedge_home_default_params(void);
SELVEDGE_API selvedge_status selvedge_home_create(const selvedge_home_params* params,
                                                  selvedge_home** home);
SELVEDGE_API selvedge_status selvedge_home_open(const selvedge_home_params* params,
                                                selvedge_home** home);
SELVEDGE_API void selvedge_home_close(selvedge_home* home);
/* Deletes a home for good, its key first. */
SELVEDGE_API selvedge_status selvedge_home_erase(const char* path);

/* Nothing of a source is stored or learned from without a grant; 0 days = no limit. */
SELVEDGE_API selvedge_status selvedge_home_grant(selvedge_home* home, const char* source,
                                                 int64_t retention_days);
SELVEDGE_API selvedge_status selvedge_home_revoke(selvedge_home* home, const char* source);

typedef struct selvedge_ingest_report {
  size_t struct_size;
  int64_t added;
  int64_t duplicate;
  int64_t redacted_spans;
  int64_t rejected;
} selvedge_ingest_report;

/* Stores one record: consent, redaction, deduplication. `thread` may be NULL. `report` may be NULL;
 * a text that is refused (not UTF-8, too long, empty) counts as rejected. */
SELVEDGE_API selvedge_status selvedge_home_record(selvedge_home* home, const char* source,
                                                  const char* thread, const char* text,
                                                  selvedge_ingest_report* report);

typedef struct selvedge_train_progress {
  size_t struct_size;
  int64_t step;
  int64_t steps;
  double loss;
  double label_tokens_per_s;
  double epsilon_spent; /* negative: not worked out at this step */
} selvedge_train_progress;

/* Returns false to stop the run; it ends with a checkpoint and SELVEDGE_CANCELLED. */
typedef bool (*selvedge_train_callback)(const selvedge_train_progress* progress, void* user);

typedef struct selvedge_train_params {
  size_t struct_size;
  bool now;                /* whatever the device's conditions */
  bool dp;                 /* differential privacy; true unless changed */
  double epsilon;          /* of this run; 0 = what is left */
  double noise_multiplier; /* 0 = solved from epsilon and steps */
  double clip_norm;
  int32_t rank;            /* 0 = chosen from the noise */
  double alpha;            /* 0 = twice the rank */
  int64_t steps;           /* 0 = the default */
  int64_t batch_size;      /* groups in a step; 0 = chosen from the noise */
  int64_t seq_len;         /* 0 = 64 with privacy, else the model's context */
  double learning_rate;    /* 0 = the default */
  int64_t memory_limit_mb; /* 0 = no limit */
  double time_limit_s;     /* 0 = no limit */
  uint64_t seed;
  int32_t threads;                     /* 0 = one per core */
  selvedge_train_callback on_progress; /* may be NULL; called on the thread that trains */
  void* user;
} selvedge_train_params;

typedef struct selvedge_train_report {
  size_t struct_size;
  int64_t steps;
  double epsilon_spent;
  double epsilon_left;
  double delta;
  double loss_holdout_before;
  double loss_holdout_after;
  bool accepted;       /* by the gate; then the adapter is active */
  char adapter_id[80]; /* empty if not accepted */
} selvedge_train_report;

SELVEDGE_API selvedge_train_params selvedge_train_default_params(void);
/* One training job. SELVEDGE_DEFERRED names the conditions that do not hold. */
SELVEDGE_API selvedge_status selvedge_home_train(selvedge_home* home,
                                                 const selvedge_train_params* params,
                                                 selvedge_train_report* report);
/* Stops a run of this handle within one micro-batch. From any thread or signal handler. */
SELVEDGE_API void selvedge_home_stop_training(selvedge_home* home);

typedef struct selvedge_privacy_status {
  size_t struct_size;
  double epsilon_budget;
  double epsilon_spent;
  double epsilon_left;
  double delta;
  bool ledger_intact;
} selvedge_privacy_status;

SELVEDGE_API selvedge_status selvedge_home_privacy(selvedge_home* home,
                                                   selvedge_privacy_status* status);

/* ---- adapters ---- */

typedef struct selvedge_adapter_info {
  size_t struct_size;
  const char* id; /* texts are the list's */
  const char* state;
  const char* created;
  const char* sha256;
  int32_t rank;
  bool dp;
  double epsilon; /* 0 without dp */
  double delta;
} selvedge_adapter_info;

SELVEDGE_API selvedge_status selvedge_home_list_adapters(selvedge_home* home,
                                                         selvedge_adapter_list** list);
SELVEDGE_API size_t selvedge_adapter_list_size(const selvedge_adapter_list* list);
SELVEDGE_API selvedge_status selvedge_adapter_list_get(const selvedge_adapter_list* list,
                                                       size_t index, selvedge_adapter_info* info);
SELVEDGE_API void selvedge_adapter_list_free(selvedge_adapter_list* list);
/* Makes an adapter active; "none" serves the base alone. */
SELVEDGE_API selvedge_status selvedge_home_use_adapter(selvedge_home* home, const char* id);
SELVEDGE_API selvedge_status selvedge_home_rollback_adapter(selvedge_home* home);
SELVEDGE_API selvedge_status selvedge_home_verify_adapter(selvedge_home* home, const char* id);

/* ---- engine ---- */

/* `model_path` NULL = the embedded model; `threads` 0 = one per core. */
SELVEDGE_API selvedge_status selvedge_engine_open(const char* model_path, int32_t threads,
                                                  selvedge_engine** engine);
SELVEDGE_API void selvedge_engine_close(selvedge_engine* engine);
/* Serves the active adapter of `home` from now on, also after it changes. */
SELVEDGE_API selvedge_status selvedge_engine_attach_home(selvedge_engine* engine,
                                                         selvedge_home* home);

/* A piece of the text, `size` bytes of whole UTF-8, not terminated. Returns false to stop. */
typedef bool (*selvedge_text_callback)(const char* text, size_t size, void* user);

typedef struct selvedge_generate_params {
  size_t struct_size;
  int64_t n_predict; /* -1 = to the end of the text or the context */
  int64_t n_ctx;     /* 0 = the model's */
  double temperature;
  int32_t top_k;
  double top_p;
  double min_p;
  double repeat_penalty;
  uint64_t seed;       /* 0 = from the system */
  const char* adapter; /* id, "active" or "none" */
  selvedge_text_callback on_text;
  void* user;
  const char* grammar;     /* GBNF, or NULL */
  const char* json_schema; /* JSON text, or NULL; not both */
  int32_t draft_max;
} selvedge_generate_params;

typedef struct selvedge_generate_report {
  size_t struct_size;
  int64_t prompt_tokens;
  int64_t generated_tokens;
  double tokens_per_s;
  double first_token_ms;
  char finish_reason[16]; /* "stop" | "length" | "cancelled" */
} selvedge_generate_report;

typedef struct selvedge_message {
  const char* role; /* "system" | "user" | "assistant" */
  const char* content;
} selvedge_message;

SELVEDGE_API selvedge_generate_params selvedge_generate_default_params(void);
/* Continues `prompt`. `text` may be NULL, else it gets the whole text, for selvedge_text_free.
 * `report` may be NULL. */
SELVEDGE_API selvedge_status selvedge_engine_generate(selvedge_engine* engine, const char* prompt,
                                                      const selvedge_generate_params* params,
                                                      char** text,
                                                      selvedge_generate_report* report);
/* Answers a conversation by the model's chat template. */
SELVEDGE_API selvedge_status selvedge_engine_chat(selvedge_engine* engine,
                                                  const selvedge_message* messages, size_t count,
                                                  const selvedge_generate_params* params,
                                                  char** text, selvedge_generate_report* report);
SELVEDGE_API void selvedge_text_free(char* text);

#ifdef __cplusplus
}
#endif

#endif /* SELVEDGE_C_API_H_ */
