/* The loop through the C API, compiled as C11: home, consent, records, training, adapters,
 * generation with streaming. Prints what failed and exits with the number of failures. */

#include <selvedge/c_api.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

#define EXPECT(condition)                                                             \
  do {                                                                                \
    if (!(condition)) {                                                               \
      ++failures;                                                                     \
      fprintf(stderr, "%s:%d: %s (last error: %s)\n", __FILE__, __LINE__, #condition, \
              selvedge_last_error());                                                 \
    }                                                                                 \
  } while (0)

struct Seen {
  int64_t steps;
  size_t bytes;
  int stop_after;
};

static bool OnProgress(const selvedge_train_progress* progress, void* user) {
  struct Seen* seen = user;
  EXPECT(progress->struct_size == sizeof *progress);
  EXPECT(progress->step >= 1 && progress->step <= progress->steps);
  seen->steps = progress->step;
  return seen->stop_after == 0 || progress->step < seen->stop_after;
}

static bool OnText(const char* text, size_t size, void* user) {
  struct Seen* seen = user;
  EXPECT(text != NULL);
  seen->bytes += size;
  return seen->stop_after == 0;
}

static void TestErrors(void) {
  selvedge_home* home = NULL;
  selvedge_home_params params = selvedge_home_default_params();
  EXPECT(selvedge_home_open(NULL, &home) == SELVEDGE_USAGE);
  EXPECT(selvedge_home_open(&params, &home) == SELVEDGE_USAGE); /* no path */
  params.path = "/nonexistent/home";
  EXPECT(selvedge_home_open(&params, &home) == SELVEDGE_NOT_FOUND);
  EXPECT(strlen(selvedge_last_error()) > 0);
  EXPECT(home == NULL);
  params.struct_size = 0;
  EXPECT(selvedge_home_open(&params, &home) == SELVEDGE_USAGE);
  EXPECT(selvedge_home_grant(NULL, "notes", 0) == SELVEDGE_USAGE);
  EXPECT(selvedge_engine_open("/nonexistent.gguf", 1, NULL) == SELVEDGE_USAGE);
  EXPECT(strcmp(selvedge_status_name(SELVEDGE_KEY_LOST), "KEY_LOST") == 0);
  EXPECT(strcmp(selvedge_status_name((selvedge_status)99), "UNKNOWN") == 0);
  selvedge_home_close(NULL);
  selvedge_engine_close(NULL);
  selvedge_adapter_list_free(NULL);
  selvedge_text_free(NULL);
  selvedge_home_stop_training(NULL);
  EXPECT(selvedge_adapter_list_size(NULL) == 0);
}

/* An older program's struct ends early, a newer one's has more. */
static void TestStructSizes(const char* path) {
  struct {
    selvedge_home_params known;
    int64_t newer;
  } larger;
  memset(&larger, 0, sizeof larger);
  larger.known = selvedge_home_default_params();
  larger.known.struct_size = sizeof larger;
  larger.known.path = path;
  selvedge_home* home = NULL;
  EXPECT(selvedge_home_open(&larger.known, &home) == SELVEDGE_OK);
  selvedge_home_close(home);
  larger.newer = 1;
  EXPECT(selvedge_home_open(&larger.known, &home) == SELVEDGE_USAGE);
  selvedge_home_params shorter = selvedge_home_default_params();
  shorter.path = path;
  shorter.struct_size = offsetof(selvedge_home_params, model_path);
  EXPECT(selvedge_home_open(&shorter, &home) == SELVEDGE_OK);
  selvedge_home_close(home);
}

static void Fill(selvedge_home* home) {
  selvedge_ingest_report report = {.struct_size = sizeof report};
  EXPECT(selvedge_home_record(home, "notes", NULL, "hello", &report) == SELVEDGE_POLICY);
  EXPECT(selvedge_home_grant(home, "notes", 90) == SELVEDGE_OK);
  EXPECT(selvedge_home_record(home, "notes", NULL, "write to anna@example.org\nsoon", &report) ==
         SELVEDGE_OK);
  EXPECT(report.added == 1 && report.redacted_spans == 1);
  EXPECT(selvedge_home_record(home, "notes", NULL, "\xff\xfe", &report) == SELVEDGE_OK);
  EXPECT(report.added == 0 && report.rejected == 1);
  for (int i = 0; i < 60; ++i) {
    char text[96];
    snprintf(text, sizeof text, "On day %d the boat number %d came into the harbour.", i, i * 7);
    EXPECT(selvedge_home_record(home, "notes", "boats", text, NULL) == SELVEDGE_OK);
  }
}

static void TestTraining(selvedge_home* home) {
  struct Seen seen = {0, 0, 1};
  selvedge_train_params params = selvedge_train_default_params();
  params.steps = 3;
  params.seq_len = 16;
  params.threads = 1;
  params.now = true;
  params.on_progress = OnProgress;
  params.user = &seen;
  selvedge_train_report report = {.struct_size = sizeof report};
  EXPECT(selvedge_home_train(home, &params, &report) == SELVEDGE_CANCELLED);
  EXPECT(seen.steps == 1);
  seen.stop_after = 0;
  EXPECT(selvedge_home_train(home, &params, &report) == SELVEDGE_OK);
  EXPECT(report.steps == 3);
  EXPECT(report.epsilon_spent > 0 && report.epsilon_left >= 0);
  selvedge_privacy_status privacy = {.struct_size = sizeof privacy};
  EXPECT(selvedge_home_privacy(home, &privacy) == SELVEDGE_OK);
  EXPECT(privacy.epsilon_spent == report.epsilon_spent && privacy.ledger_intact);
  params.rank = -1;
  EXPECT(selvedge_home_train(home, &params, &report) == SELVEDGE_USAGE);

  selvedge_adapter_list* list = NULL;
  EXPECT(selvedge_home_list_adapters(home, &list) == SELVEDGE_OK);
  EXPECT(selvedge_adapter_list_size(list) == 1);
  selvedge_adapter_info info = {.struct_size = sizeof info};
  EXPECT(selvedge_adapter_list_get(list, 0, &info) == SELVEDGE_OK);
  EXPECT(selvedge_adapter_list_get(list, 1, &info) == SELVEDGE_USAGE);
  EXPECT(info.dp && info.epsilon > 0);
  EXPECT(strcmp(info.state, report.accepted ? "active" : "rejected") == 0);
  if (report.accepted) {
    EXPECT(strcmp(info.id, report.adapter_id) == 0);
    EXPECT(selvedge_home_verify_adapter(home, info.id) == SELVEDGE_OK);
    EXPECT(selvedge_home_rollback_adapter(home) == SELVEDGE_OK);
    EXPECT(selvedge_home_use_adapter(home, info.id) == SELVEDGE_OK);
  }
  EXPECT(selvedge_home_use_adapter(home, "a-none") == SELVEDGE_NOT_FOUND);
  selvedge_adapter_list_free(list);
}

static void TestGeneration(selvedge_home* home) {
  selvedge_engine* engine = NULL;
  EXPECT(selvedge_engine_open(NULL, 1, &engine) == SELVEDGE_OK);
  struct Seen seen = {0, 0, 0};
  selvedge_generate_params params = selvedge_generate_default_params();
  params.n_predict = 8;
  params.temperature = 0;
  params.on_text = OnText;
  params.user = &seen;
  char* text = NULL;
  selvedge_generate_report report = {.struct_size = sizeof report};
  EXPECT(selvedge_engine_generate(engine, "The boat", &params, NULL, &report) == SELVEDGE_OK);
  EXPECT(report.generated_tokens == 8);
  EXPECT(strcmp(report.finish_reason, "length") == 0);
  EXPECT(selvedge_engine_attach_home(engine, home) == SELVEDGE_OK);
  seen.bytes = 0;
  EXPECT(selvedge_engine_generate(engine, "The boat", &params, &text, &report) == SELVEDGE_OK);
  EXPECT(text != NULL && strlen(text) == seen.bytes && seen.bytes > 0);
  /* The adapter is noised: where it ends the text is chance. */
  EXPECT(report.generated_tokens > 0 && report.generated_tokens <= 8);
  EXPECT(strcmp(report.finish_reason, report.generated_tokens == 8 ? "length" : "stop") == 0);
  selvedge_text_free(text);
  seen.stop_after = 1;
  EXPECT(selvedge_engine_generate(engine, "The boat", &params, NULL, &report) == SELVEDGE_OK);
  EXPECT(strcmp(report.finish_reason, "cancelled") == 0);
  params.top_k = -1;
  EXPECT(selvedge_engine_generate(engine, "The boat", &params, NULL, NULL) == SELVEDGE_USAGE);
  const selvedge_message message = {"teacher", "hello"};
  EXPECT(selvedge_engine_chat(engine, &message, 1, &params, NULL, NULL) != SELVEDGE_OK);
  selvedge_engine_close(engine);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const char* path = argv[1];
  TestErrors();
  (void)selvedge_home_erase(path); /* of an earlier run */
  selvedge_home_params params = selvedge_home_default_params();
  params.path = path;
  params.epsilon_budget = 6;
  selvedge_home* home = NULL;
  EXPECT(selvedge_home_create(&params, &home) == SELVEDGE_OK);
  if (home == NULL) return 1;
  TestStructSizes(path);
  Fill(home);
  TestTraining(home);
  TestGeneration(home);
  EXPECT(selvedge_home_revoke(home, "notes") == SELVEDGE_OK);
  selvedge_home_close(home);
  EXPECT(selvedge_home_erase(path) == SELVEDGE_OK);
  if (failures == 0) printf("the C API works, version %s\n", selvedge_version());
  return failures;
}
