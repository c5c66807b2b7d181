/* The report: the template with the figures put in as one JavaScript object. */
#include "tools/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <eddy/version.h>

#include "tools/tool.h"

#define EVENTS 200000   /* of all traces together that are shown one by one */
#define FEWEST_ROWS 400 /* of each comparison, however many events there are */
#define SIZE 1900000    /* of the report, in bytes */
#define QUANTILES 200   /* points of a curve */
#define POWERS 36       /* of two, in a histogram of nanoseconds */

extern const char eddy_report_template[]; /* of lib/tools/page, by the build */
static const char place[] = "\"EDDY_REPORT_DATA\"";

void report_text(FILE *file, const char *words)
{
  fputc('"', file);
  for (; *words != '\0'; words++) {
    unsigned char c = (unsigned char)*words;
    if (c < 0x20 || c == '"' || c == '\\' || c == '<' || c == '>') {
      fprintf(file, "\\u%04x", c);
    } else {
      fputc(c, file);
    }
  }
  fputc('"', file);
}

static void member(FILE *file, const char *name, const char *words)
{
  fprintf(file, "\"%s\":", name);
  report_text(file, words);
  fputc(',', file);
}

static void values(FILE *file, const double *all, size_t count)
{
  fputc('[', file);
  for (size_t i = 0; i < count; i++) {
    if (i > 0) fputc(',', file);
    if (isnan(all[i])) fputs("null", file);
    if (!isnan(all[i])) fprintf(file, "%.12g", all[i]);
  }
  fputc(']', file);
}

/* How many durations there are from each power of two on to the next. */
static void histogram(FILE *file, const struct summary_times *times)
{
  size_t bins[POWERS] = {0};
  for (size_t i = 0; i < times->count; i++) {
    size_t power = 0;
    while (power + 1 < POWERS && times->all[i] >> (power + 1) > 0)
      power++;
    bins[power]++;
  }
  fputs("\"powers\":[", file);
  for (size_t i = 0; i < POWERS; i++)
    fprintf(file, "%s%zu", i > 0 ? "," : "", bins[i]);
  fputs("],", file);
}

/* Of sorted durations: their number, then so many quantiles, the largest last. */
static void curve(FILE *file, const char *name, const struct summary_times *times)
{
  fprintf(file, "\"%s\":{\"count\":%zu,", name, times->count);
  histogram(file, times);
  fputs("\"points\":[", file);
  for (int i = 0; times->count > 0 && i <= QUANTILES; i++) {
    int64_t value = tool_rank(times->all, times->count, (double)i / QUANTILES);
    fprintf(file, "%s%" PRId64, i > 0 ? "," : "", value);
  }
  fprintf(file,
      "],\"p50\":%" PRId64 ",\"p99\":%" PRId64 ",\"p999\":%" PRId64 ",\"most\":%" PRId64
      "},",
      tool_rank(times->all, times->count, 0.5), tool_rank(times->all, times->count, 0.99),
      tool_rank(times->all, times->count, 0.999), tool_rank(times->all, times->count, 1));
}

static void side(FILE *file, const struct side *at, size_t rounds)
{
  const struct summary *summary = &at->summary;
  fputs("{\"numbers\":[", file);
  for (int i = 0; i < NUMBERS; i++) {
    if (i > 0) fputc(',', file);
    values(file, at->numbers[i], rounds);
  }
  fputs("],\"grown\":", file);
  values(file, at->grown, rounds);
  fprintf(file,
      ",\"tasksMade\":%zu,\"ended\":%zu,\"steps\":%zu,\"callbacks\":%zu,"
      "\"polls\":%zu,\"polling\":%" PRId64 ",\"tried\":%zu,\"running\":%" PRId64 ",",
      summary->tasks, summary->ended, summary->steps, summary->callbacks, summary->polls,
      summary->polling, summary->tried, summary->running);
  curve(file, "late", &summary->late);
  curve(file, "waiting", &summary->waiting);
  curve(file, "busy", &summary->busy);
  fputs("\"end\":0}", file);
}

static size_t events_of(struct comparison *one)
{
  return figures_loop(&one->sides[0])->count + figures_loop(&one->sides[1])->count;
}

static void comparison(
    FILE *file, const struct figures *figures, struct comparison *one, size_t most)
{
  const struct workload *workload = one->workload;
  char *reason = diff_reason(&one->diff, one->diff.first);
  fputc('{', file);
  member(file, "name", workload->name);
  member(file, "operation", workload->operation);
  member(file, "purpose", workload->purpose);
  member(file, "reason", reason);
  free(reason);
  fprintf(file,
      "\"lesson\":%s,\"count\":%lu,\"traced\":%lu,\"events\":%zu,"
      "\"virtual\":%s,\"differences\":%zu,\"first\":%zu,\"rowsTotal\":%zu,\"sides\":[",
      workload->lesson ? "true" : "false", workload->count, workload->traced,
      events_of(one), figures_loop(&one->sides[0])->in_virtual_time ? "true" : "false",
      one->diff.differences, one->diff.first, one->diff.count);
  size_t rounds = workload->lesson ? 0 : figures->rounds;
  side(file, &one->sides[0], rounds);
  fputs(",\n", file);
  side(file, &one->sides[1], rounds);
  fputs("],\n", file);
  report_trace(file, one, most);
  fputc('}', file);
}

static char *processor(void)
{
  char line[256], name[256] = "a processor of its own kind";
  FILE *file = fopen("/proc/cpuinfo", "re");
  while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
    if (sscanf(line, "model name : %255[^\n]", name) == 1) break;
  }
  if (file != NULL) (void)fclose(file);
  return tool_text("%ld x %s", sysconf(_SC_NPROCESSORS_ONLN), name);
}

static void head(FILE *file, const struct figures *figures)
{
  struct utsname system;
  char *cpu = processor();
  char *machine = uname(&system) == 0 ? tool_text("%s %s on %s, %s", system.sysname,
                                            system.release, system.machine, cpu)
                                      : tool_text("%s", cpu);
  member(file, "version", eddy_version());
  member(file, "machine", machine);
  member(file, "command", figures->command);
  free(machine);
  free(cpu);
  fputs("\"backends\":[", file);
  report_text(file, figures->backends[0]);
  fputc(',', file);
  report_text(file, figures->backends[1]);
  fputs("],\"traces\":[", file);
  for (int i = 0; i < 2 && figures->traces[i] != NULL; i++) {
    if (i > 0) fputc(',', file);
    report_text(file, figures->traces[i]);
  }
  fputs("],\"labels\":[", file);
  for (int i = 0; i < NUMBERS; i++) {
    fputs(i > 0 ? ",[" : "[", file);
    report_text(file, figures->labels[i].name);
    fputc(',', file);
    report_text(file, figures->labels[i].unit);
    fputc(']', file);
  }
  fprintf(file, "],\"rounds\":%zu,", figures->rounds);
}

/* `part`: of the rows that may be shown, so many of 64. */
static void data(FILE *file, struct figures *figures, size_t part)
{
  size_t events = 0;
  for (size_t i = 0; i < figures->count; i++)
    events += events_of(&figures->comparisons[i]);
  fputc('{', file);
  head(file, figures);
  fputs("\"workloads\":[\n", file);
  for (size_t i = 0; i < figures->count; i++) {
    struct comparison *one = &figures->comparisons[i];
    double share = events <= EVENTS ? 1 : (double)EVENTS / (double)events;
    size_t most = (size_t)(share * (double)one->diff.count) * part / 64;
    comparison(file, figures, one, most < FEWEST_ROWS ? FEWEST_ROWS : most);
    fputs(i + 1 < figures->count ? ",\n" : "\n", file);
  }
  fputs("]}", file);
}

/* The data as a text, thinned until the report is as small as it should be. */
static char *data_text(struct figures *figures, size_t room, size_t *size)
{
  for (size_t part = 64;; part /= 2) {
    char *text = NULL;
    FILE *file = open_memstream(&text, size);
    if (file == NULL) return NULL;
    data(file, figures, part);
    bool good = ferror(file) == 0;
    good = fclose(file) == 0 && good;
    if (good && (*size <= room || part == 1)) return text;
    free(text);
    if (!good) return NULL;
  }
}

int report_write(const char *name, struct figures *figures)
{
  const char *split = strstr(eddy_report_template, place);
  if (split == NULL)
    return tool_trouble("the report's template has no place for figures");
  size_t size, template_size = strlen(eddy_report_template);
  char *text = data_text(figures, SIZE - template_size, &size);
  if (text == NULL) return tool_trouble("not enough memory for the report");
  FILE *file = fopen(name, "we");
  if (file == NULL) {
    free(text);
    return tool_trouble("%s cannot be written", name);
  }
  (void)fwrite(eddy_report_template, 1, (size_t)(split - eddy_report_template), file);
  (void)fwrite(text, 1, size, file);
  free(text);
  fputs(split + sizeof(place) - 1, file);
  bool good = fflush(file) == 0 && ferror(file) == 0;
  good = fclose(file) == 0 && good;
  return good ? 0 : tool_trouble("%s: the disk is full, or failed", name);
}
