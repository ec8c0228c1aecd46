#include "support/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *skip(const char *p) {
  while (isspace((unsigned char)*p)) p++;
  return p;
}

/* Escapes are kept as they stand: the names compared here have none. */
static const char *parse_string(const char *p, char **text) {
  const char *start = ++p;
  while (*p && *p != '"') p += p[0] == '\\' && p[1] ? 2 : 1;
  if (!*p) return NULL;
  *text = calloc((size_t)(p - start) + 1, 1);
  memcpy(*text, start, (size_t)(p - start));
  return p + 1;
}

static const char *parse(const char *p, json *value);

static const char *parse_children(const char *p, json *value, char close) {
  json **tail = &value->first;
  p = skip(p + 1);
  if (*p == close) return p + 1;
  for (;;) {
    json *child = *tail = calloc(1, sizeof *child);
    tail = &child->next;
    p = skip(p);
    if (value->kind == JSON_OBJECT) {
      if (*p != '"' || !(p = parse_string(p, &child->key))) return NULL;
      p = skip(p);
      if (*p++ != ':') return NULL;
    }
    if (!(p = parse(skip(p), child))) return NULL;
    p = skip(p);
    if (*p == close) return p + 1;
    if (*p++ != ',') return NULL;
  }
}

static const char *parse(const char *p, json *value) {
  if (*p == '{') {
    value->kind = JSON_OBJECT;
    return parse_children(p, value, '}');
  }
  if (*p == '[') {
    value->kind = JSON_LIST;
    return parse_children(p, value, ']');
  }
  if (*p == '"') {
    value->kind = JSON_STRING;
    return parse_string(p, &value->text);
  }
  if (!strncmp(p, "null", 4)) return p + 4;
  if (!strncmp(p, "true", 4) || !strncmp(p, "false", 5)) {
    value->kind = JSON_BOOL;
    value->number = *p == 't';
    return p + (*p == 't' ? 4 : 5);
  }
  char *end;
  value->kind = JSON_NUMBER;
  value->number = strtod(p, &end);
  return end == p ? NULL : end;
}

json *json_parse(const char *text) {
  json *root = calloc(1, sizeof *root);
  const char *end = parse(skip(text), root);
  if (end && !*skip(end)) return root;
  json_free(root);
  return NULL;
}

void json_free(json *value) {
  while (value) {
    json *next = value->next;
    json_free(value->first);
    free(value->key);
    free(value->text);
    free(value);
    value = next;
  }
}

const json *json_get(const json *value, const char *key) {
  for (const json *c = value ? value->first : NULL; c; c = c->next)
    if (c->key && !strcmp(c->key, key)) return c;
  return NULL;
}

const json *json_at(const json *list, int index) {
  const json *c = list ? list->first : NULL;
  while (c && index-- > 0) c = c->next;
  return c;
}

int json_count(const json *list) {
  int n = 0;
  for (const json *c = list ? list->first : NULL; c; c = c->next) n++;
  return n;
}

double json_number(const json *value, const char *key) {
  const json *c = json_get(value, key);
  return c ? c->number : 0;
}

const char *json_text(const json *value, const char *key) {
  const json *c = json_get(value, key);
  return c ? c->text : NULL;
}
