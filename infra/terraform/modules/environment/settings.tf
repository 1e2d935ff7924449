# The groups of shared/settings.py, as the manifest names them: what each sets in a function's environment.
locals {
  bank_url = one([for name, entry in local.functions : local.urls[name] if contains(entry.groups, "bank")])

  plain_settings = {
    control = { TOK_CONTROL_DATABASE = local.databases.control.name }
    data    = { TOK_DATA_DATABASE = local.databases.data.name }
    api     = { TOK_PUBLIC_URL = "https://${var.domain}/v1" }
    banks   = { for name, value in { TOK_SANDBOX_BANK_URL = local.bank_url } : name => value if value != null }
    kms     = { TOK_KMS_KEY = google_kms_crypto_key.tokens.id }
    bank = {
      for name, value in {
        TOK_SANDBOX_BANK_URL      = local.bank_url
        TOK_SANDBOX_BANK_DATABASE = try(local.databases.bank.name, null)
      } : name => value if value != null
    }

    # Every queue and every function that a queue calls, under its own name: TOK_<QUEUE>_QUEUE, TOK_<FUNCTION>_URL.
    tasks = merge(
      { for name, queue in google_cloud_tasks_queue.this : "TOK_${upper(name)}_QUEUE" => "projects/${var.project.id}/locations/${queue.location}/queues/${queue.name}" },
      { for name, entry in local.functions : "TOK_${upper(name)}_URL" => local.urls[name] if entry.trigger == "tasks" },
      { TOK_TASKS_SERVICE_ACCOUNT = google_service_account.invoker["tasks"].email },
    )
  }

  # Environment variable to secret, by group.
  secret_settings = {
    api   = { TOK_SIGNING_KEY = "signing-key" }
    banks = { TOK_BANK_CLIENTS = "bank-clients" }
    bank  = { TOK_SANDBOX_BANK_CLIENTS = "sandbox-bank-clients" }
  }

  used_groups = toset(flatten([for entry in values(local.functions) : tolist(entry.groups)]))

  invokers = {
    gateway   = google_service_account.invoker["gateway"].email
    tasks     = google_service_account.invoker["tasks"].email
    scheduler = google_service_account.invoker["scheduler"].email
    public    = "allUsers"
  }

  function_settings = {
    for name, entry in local.functions : name => merge(
      {
        TOK_ENVIRONMENT = var.environment
        TOK_PROJECT     = var.project.id
        TOK_INVOKERS    = local.invokers[entry.trigger]
        THREADS         = tostring(entry.concurrency) # the framework's own default serves four at a time
      },
      [for group in entry.groups : local.plain_settings[group]]...
    )
  }
}
