/* A program that uses the installed library: a task that sleeps and gives a value;
 * a context for TLS where there is that library. */
#include <stdio.h>

#include <eddy.h>
#ifdef CONSUMER_TLS
#include <eddy/tls.h>
#endif

static int answer(void *arg)
{
  int rc = eddy_sleep(EDDY_MS(1));
  if (rc < 0) return rc;
  return eddy_return(eddy_int(*(int *)arg));
}

static int use_tls(void)
{
#ifdef CONSUMER_TLS
  eddy_tls_context *context;
  int rc = eddy_tls_context_new_client(&context);
  if (rc < 0) return rc;
  bool is_layer = eddy_tls_layer(context) != NULL;
  eddy_tls_context_unref(context);
  return is_layer ? 0 : EDDY_ETLS;
#else
  return 0;
#endif
}

int main(void)
{
  int number = 42;
  eddy_value value;
  int rc = eddy_run_with(answer, &number, NULL, NULL, &value);
  if (rc == 0) rc = use_tls();
  if (rc < 0) {
    fprintf(stderr, "consumer: %s\n", eddy_strerror(rc));
    return 1;
  }
  printf("eddy %s: %d\n", eddy_version(), (int)value.i);
  return 0;
}
