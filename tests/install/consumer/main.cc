// A program of another project, in C++.
#include <selvedge/selvedge.h>

#include <iostream>

int main() {
  const auto engine = selvedge::Engine::Open({});
  if (!engine.ok()) {
    std::cerr << engine.status().message() << "\n";
    return 1;
  }
  selvedge::GenerateOptions options;
  options.prompt = "The sea";
  options.n_predict = 4;
  options.sampling.temperature = 0;
  const auto result = engine->Generate(options);
  if (!result.ok()) {
    std::cerr << result.status().message() << "\n";
    return 1;
  }
  std::cout << selvedge::Version() << ": " << result->text << "\n";
  return 0;
}
