/* A shared object that is no plugin. */
int praxis_no_plugin(void);
int praxis_no_plugin(void) { return 1; }
