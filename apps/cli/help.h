#pragma once
// Help pages of at most 80 columns, each with one example.

#include <CLI/CLI.hpp>
#include <string>

namespace selvedge::cli {

class HelpFormatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
};

// "selvedge 0.1.0 (avx2)": the version and the instruction set that the kernels use here.
std::string VersionText();

}  // namespace selvedge::cli
