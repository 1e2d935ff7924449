# The groups of shared/settings.py, as the manifest names them: what each sets in a function's environment.
locals {
  bank_url = one([for name, entry in local.functions : local.urls[name] if contains(entry.groups, "bank")])

  # A group that is named for a queue enqueues into it; the oldest one is called tasks.
  queue_of_group = merge({ for queue in keys(local.queues) : queue => queue }, { tasks = "sync" })

  # What enqueuing takes: the queue, who calls from it, and every function that it calls.
  queue_settings = {
    for group, queue in local.queue_of_group : group => merge(
      {
        "TOK_${upper(queue)}_QUEUE" = "projects/${var.project.id}/locations/${var.region}/queues/${google_cloud_tasks_queue.this[queue].name}"
        TOK_TASKS_SERVICE_ACCOUNT   = local.invoker_emails["tasks"]
      },
      { for name, entry in local.functions : "TOK_${upper(name)}_URL" => local.urls[name] if try(entry.queue, "") == queue },
    ) if contains(keys(local.queues), queue)
  }

  plain_settings = merge(local.queue_settings, {
    control = { TOK_CONTROL_DATABASE = local.databases.control.name }
    data    = { TOK_DATA_DATABASE = local.databases.data.name }
    api     = { TOK_PUBLIC_URL = "https://${var.domain}/v1" }
    banks   = { for name, value in { TOK_SANDBOX_BANK_URL = local.bank_url } : name => value if value != null }
    users = {
      TOK_USER_ISSUER   = var.users.issuer
      TOK_USER_AUDIENCE = var.users.audience
      TOK_USER_JWKS_URL = var.users.jwks_url
      TOK_PORTAL_URL    = var.users.portal_url
    }
    kms = { TOK_KMS_KEY = local.kms_key }
    bank = {
      for name, value in {
        TOK_SANDBOX_BANK_URL      = local.bank_url
        TOK_SANDBOX_BANK_DATABASE = try(local.databases.bank.name, null)
      } : name => value if value != null
    }
  })

  # Environment variable to secret, by group.
  secret_settings = {
    api   = { TOK_SIGNING_KEY = "signing-key" }
    banks = { TOK_BANK_CLIENTS = "bank-clients" }
    bank  = { TOK_SANDBOX_BANK_CLIENTS = "sandbox-bank-clients" }
  }

  used_groups = toset(flatten([for entry in values(local.functions) : tolist(entry.groups)]))

  invokers = merge(local.invoker_emails, { public = "allUsers" })

  function_settings = {
    for name, entry in local.functions : name => merge(
      {
        TOK_ENVIRONMENT  = var.environment
        TOK_ENVIRONMENTS = join(",", var.environments)
        TOK_PROJECT      = var.project.id
        TOK_INVOKERS     = local.invokers[entry.trigger]
        THREADS          = tostring(entry.concurrency) # the framework's own default serves four at a time
      },
      # Whose addresses in X-Forwarded-For are not the client's: the last ones, and the load balancer's wherever it stands.
      entry.trigger == "gateway" ? { TOK_TRUSTED_PROXIES = "${var.trusted_proxies},${google_compute_global_address.api.address}" } : {},
      [for group in entry.groups : try(local.plain_settings[group], {})]... # functions.tf refuses unknown groups
    )
  }
}
