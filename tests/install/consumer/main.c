/* A program of another project, in C. */
#include <selvedge/c_api.h>
#include <stdio.h>

int main(void) {
  selvedge_engine* engine = NULL;
  selvedge_generate_params params = selvedge_generate_default_params();
  params.n_predict = 4;
  params.temperature = 0;
  params.adapter = "none";
  char* text = NULL;
  if (selvedge_engine_open(NULL, 1, &engine) != SELVEDGE_OK ||
      selvedge_engine_generate(engine, "The sea", &params, &text, NULL) != SELVEDGE_OK) {
    fprintf(stderr, "%s\n", selvedge_last_error());
    selvedge_engine_close(engine);
    return 1;
  }
  printf("%s: %s\n", selvedge_version(), text);
  selvedge_text_free(text);
  selvedge_engine_close(engine);
  return 0;
}
