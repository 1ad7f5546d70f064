# praxis_room(NAME SOURCES... LINK ...): one static library per room, praxis_NAME, with the two
# libraries that every room may use (nlohmann/json, tl::expected) and a precompiled header of
# them. Includes are written from the repository's root: "engine/engine.h".
function(praxis_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;LINK;PUBLIC" ${ARGN})
  add_library(praxis_${name} STATIC ${ROOM_SOURCES})
  target_include_directories(praxis_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_include_directories(praxis_${name} SYSTEM PUBLIC ${EXPECTED_INCLUDE_DIR})
  target_link_libraries(praxis_${name} PUBLIC nlohmann_json::nlohmann_json Threads::Threads ${ROOM_PUBLIC}
                                       PRIVATE ${ROOM_LINK})
  target_precompile_headers(praxis_${name} PRIVATE
    <nlohmann/json.hpp> <tl/expected.hpp> <filesystem> <functional> <memory> <span> <string> <string_view> <vector>)
endfunction()
