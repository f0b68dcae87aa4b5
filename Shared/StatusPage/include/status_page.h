#pragma once
/// The status page: the file of this number, counted from 0, its name as the browser asks for it, and how many bytes it has.
/// They are static and never change; NULL behind the last one.
const unsigned char *status_page_file(int number, const char **name, long *count);
