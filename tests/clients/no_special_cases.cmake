# The server serves every client alike: it looks at no User-Agent and knows no client by name.
# Run as a test: cmake -P tests/clients/no_special_cases.cmake
cmake_minimum_required(VERSION 3.25)
get_filename_component(root ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)
set(names user-agent user_agent x-stainless langchain llamaindex litellm vercel ai-sdk ai_sdk openai-node
          openai-python openai/agents codex opencode pi-coding cline aider claude-cli cursor)

file(GLOB_RECURSE files ${root}/agent/*.h ${root}/agent/*.cpp)
list(LENGTH files count)
if(count LESS 20)
  message(FATAL_ERROR "only ${count} files found below ${root}/agent")
endif()
set(found "")
foreach(file ${files})
  file(READ ${file} text)
  string(REGEX REPLACE "//[^\n]*" "" text "${text}")  # a comment may say who asks for what
  string(TOLOWER "${text}" text)
  foreach(name ${names})
    string(FIND "${text}" "${name}" at)
    if(at GREATER_EQUAL 0)
      file(RELATIVE_PATH where ${root} ${file})
      string(APPEND found "\n  ${where} says ${name}")
    endif()
  endforeach()
endforeach()
if(found)
  message(FATAL_ERROR "the server knows clients:${found}")
endif()
