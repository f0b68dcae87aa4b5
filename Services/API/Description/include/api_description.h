#pragma once
/// The description of the API, file 0; NULL behind it. The bytes are static and never change.
const unsigned char *api_description_file(int number, const char **name, long *count);
