# What the real manifest makes of each environment.
mock_provider "google" {
  override_during = plan

  mock_resource "google_compute_global_address" {
    defaults = { address = "203.0.113.9" }
  }
}

mock_provider "google-beta" {
  override_during = plan

  mock_resource "google_api_gateway_api" {
    defaults = { managed_service = "tok-live-abc.apigateway.tok-test.cloud.goog" }
  }
}

variables {
  manifest           = yamldecode(file("../../functions/manifest.yaml"))
  gateway_document   = file("../../dist/gateway.live.json")
  environment        = "live"
  domain             = "api.tokapi.io"
  project            = { id = "tok-test", number = "1234567890" }
  region             = "europe-west1"
  firestore_location = "europe-west1"
  rules_path         = "../../firestore.rules"
  indexes_path       = "../../firestore.indexes.json"
  functions_source = {
    runtime           = "python311"
    bucket            = "bundles"
    builder           = "builder"
    docker_repository = "images"
    objects           = { for name, bundle in jsondecode(file("../../dist/bundles.json")).functions : name => bundle.object }
  }
  users = {
    issuer = "https://id.example.com", audience = "tok", jwks_url = "https://id.example.com/keys", portal_url = "https://portal.example.com"
  }
  alerts = {
    channels = ["projects/tok-test/notificationChannels/1"]
    thresholds = {
      server_error_ratio   = 0.01
      latency_p95_ms       = 500
      latency_bank_p95_ms  = 15000
      sync_lag_minutes     = 60
      queue_depth          = 5000
      expiring_consents    = 200
      kms_errors_in_5m     = 5
      limiter_degraded     = 20
      bank_breakers_opened = 1
    }
  }
}

run "live" {
  command = plan

  module {
    source = "./modules/environment"
  }

  # Who may call.
  assert {
    condition     = toset(keys(google_cloud_run_v2_service_iam_binding.invoker)) == toset(keys(google_cloudfunctions2_function.this))
    error_message = "A function's callers are not stated."
  }
  assert {
    condition = alltrue([
      for name, binding in google_cloud_run_v2_service_iam_binding.invoker :
      binding.members == toset(["serviceAccount:${google_service_account.invoker[var.manifest.functions[name].trigger].account_id}@tok-test.iam.gserviceaccount.com"])
      && binding.role == "roles/run.invoker"
      && binding.name == google_cloudfunctions2_function.this[name].name
    ])
    error_message = "A function may be called by someone else than its trigger's identity, or by the public."
  }
  assert {
    condition = alltrue([
      for name, function in google_cloudfunctions2_function.this :
      function.service_config[0].ingress_settings == (var.manifest.functions[name].trigger == "gateway" ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY")
    ])
    error_message = "What queue and scheduler call takes calls from outside."
  }
  assert {
    condition = alltrue([
      for name, function in google_cloudfunctions2_function.this :
      function.service_config[0].environment_variables.TOK_INVOKERS == "${google_service_account.invoker[var.manifest.functions[name].trigger].account_id}@tok-test.iam.gserviceaccount.com"
    ])
    error_message = "A function expects another caller than the one that may call it."
  }

  # Each function is itself, and may open its own databases only.
  assert {
    condition = alltrue([
      for name, function in google_cloudfunctions2_function.this :
      function.service_config[0].service_account_email == "${google_service_account.function[name].account_id}@tok-test.iam.gserviceaccount.com"
    ])
    error_message = "A function runs as another identity than its own."
  }
  assert {
    condition = toset(keys(google_project_iam_member.database)) == toset(flatten([
      for name, entry in var.manifest.functions : [for database in entry.databases : "${name}/${database}"] if contains(entry.environments, "live")
    ]))
    error_message = "A function opens other databases than the manifest says."
  }
  assert {
    condition = alltrue([
      for key, grant in google_project_iam_member.database :
      grant.condition[0].expression == "resource.name == \"projects/tok-test/databases/${endswith(key, "/control") ? "(default)" : "live"}\""
    ])
    error_message = "A grant reaches a database of another environment, or all of them."
  }
  assert {
    condition = alltrue([
      for key, grant in google_project_iam_member.database :
      grant.role == (
        endswith(key, "/control") && !try(var.manifest.functions[split("/", key)[0]].control_writer, false) ? "roles/datastore.viewer" : "roles/datastore.user"
      )
    ])
    error_message = "The control plane is written by a function that the manifest does not let."
  }

  # Keys.
  assert {
    condition     = google_kms_crypto_key.tokens.version_template[0].protection_level == "HSM"
    error_message = "The tokens' key lies outside an HSM."
  }
  assert {
    condition     = tonumber(trimsuffix(google_kms_crypto_key.tokens.rotation_period, "s")) <= 90 * 24 * 3600
    error_message = "The tokens' key rotates later than after 90 days."
  }
  assert {
    condition     = tonumber(trimsuffix(google_kms_crypto_key.tokens.destroy_scheduled_duration, "s")) >= 30 * 24 * 3600
    error_message = "A destroyed key version is gone before 30 days."
  }
  assert {
    condition = alltrue([
      for role, use in { "roles/cloudkms.cryptoKeyEncrypter" = "encrypt", "roles/cloudkms.cryptoKeyDecrypter" = "decrypt" } :
      google_kms_crypto_key_iam_binding.tokens[role].members == toset([
        for name, entry in var.manifest.functions : "serviceAccount:${google_service_account.function[name].account_id}@tok-test.iam.gserviceaccount.com"
        if contains(entry.environments, "live") && contains(try(entry.kms, []), use)
      ])
    ])
    error_message = "Someone encrypts or decrypts whom the manifest does not let."
  }
  assert {
    condition     = length(google_kms_crypto_key_iam_binding.tokens) == 2
    error_message = "The tokens' key has other roles than those of encrypting and decrypting."
  }

  # Secrets.
  assert {
    condition = alltrue([
      for secret, binding in google_secret_manager_secret_iam_binding.readers :
      binding.role == "roles/secretmanager.secretAccessor" && binding.members == toset([
        for name, function in google_cloudfunctions2_function.this : "serviceAccount:${google_service_account.function[name].account_id}@tok-test.iam.gserviceaccount.com"
        if contains([for variable in function.service_config[0].secret_environment_variables : variable.secret], "live-${secret}")
      ])
    ])
    error_message = "A secret is readable by a function that does not use it."
  }
  assert {
    condition = alltrue([
      for secret in ["qwac-certificate", "qwac-key", "qsealc-certificate", "qsealc-key", "signing-key", "bank-clients"] :
      contains(keys(google_secret_manager_secret.this), secret)
    ])
    error_message = "A secret's place is missing."
  }
  assert {
    condition     = alltrue([for secret in google_secret_manager_secret.this : secret.replication[0].user_managed[0].replicas[0].location == "europe-west1"])
    error_message = "A secret leaves the region."
  }

  # Functions as the manifest says.
  assert {
    condition = alltrue([
      for name, function in google_cloudfunctions2_function.this :
      function.service_config[0].max_instance_request_concurrency == var.manifest.functions[name].concurrency
      && function.service_config[0].max_instance_request_concurrency >= 8
      && function.service_config[0].environment_variables.THREADS == tostring(var.manifest.functions[name].concurrency)
      && tonumber(function.service_config[0].available_cpu) >= 1
      && function.service_config[0].available_memory == "${var.manifest.functions[name].memory_mib}Mi"
      && function.service_config[0].timeout_seconds == var.manifest.functions[name].timeout_seconds
      && function.service_config[0].min_instance_count == var.manifest.functions[name].min_instances
      && function.service_config[0].max_instance_count == var.manifest.functions[name].max_instances
      && function.service_config[0].all_traffic_on_latest_revision
    ])
    error_message = "A function's threads, CPU, memory, timeout or instances differ from the manifest."
  }
  assert {
    condition = alltrue([
      for name, function in google_cloudfunctions2_function.this :
      function.build_config[0].source[0].storage_source[0].object == var.functions_source.objects[name]
      && function.build_config[0].service_account == "builder"
    ])
    error_message = "A function is not built from its own bundle, or not by the builder."
  }

  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.this : function.build_config[0].environment_variables.SOURCE_DATE_EPOCH == "315532800"
    ])
    error_message = "Without SOURCE_DATE_EPOCH the image's bytecode is stale, and every start compiles (decision 20)."
  }

  # What a function must know of the whole installation.
  assert {
    condition = alltrue([
      for function in google_cloudfunctions2_function.this :
      toset(split(",", function.service_config[0].environment_variables.TOK_ENVIRONMENTS)) == toset(["live", "sandbox"])
    ])
    error_message = "A function does not know of the other environment: erasures would not wait for it."
  }
  assert {
    condition = alltrue([
      for name, function in google_cloudfunctions2_function.this :
      lookup(function.service_config[0].environment_variables, "TOK_TRUSTED_PROXIES", "") == (
        var.manifest.functions[name].trigger == "gateway" ? "1,203.0.113.9" : ""
      )
    ])
    error_message = "A function that clients call does not know the proxies before it, or takes others for them."
  }

  # Queues and ticks as the manifest says.
  assert {
    condition = alltrue([
      for name, entry in var.manifest.queues :
      google_cloud_tasks_queue.this[name].rate_limits[0].max_dispatches_per_second == entry.max_dispatches_per_second
      && google_cloud_tasks_queue.this[name].rate_limits[0].max_concurrent_dispatches == entry.max_concurrent_dispatches
      && google_cloud_tasks_queue.this[name].retry_config[0].max_attempts == entry.max_attempts
      && google_cloud_tasks_queue.this[name].retry_config[0].min_backoff == "${entry.min_backoff_seconds}s"
      && google_cloud_tasks_queue.this[name].retry_config[0].max_backoff == "${entry.max_backoff_seconds}s"
      && google_cloud_tasks_queue.this[name].retry_config[0].max_doublings == entry.max_doublings
      && google_cloud_tasks_queue.this[name].retry_config[0].max_retry_duration == "${entry.max_retry_duration_seconds}s"
    ])
    error_message = "A queue's limits or retries differ from the manifest."
  }
  assert {
    condition = toset(keys(google_cloud_scheduler_job.tick)) == toset([
      for name, entry in var.manifest.functions : name if entry.trigger == "scheduler" && contains(entry.environments, "live")
    ])
    error_message = "A function with the trigger scheduler has no job, or another one has."
  }
  assert {
    condition = alltrue([
      for name, job in google_cloud_scheduler_job.tick :
      job.schedule == var.manifest.functions[name].schedule
      && job.time_zone == var.manifest.functions[name].time_zone
      && job.attempt_deadline == "${var.manifest.functions[name].timeout_seconds}s"
      && job.http_target[0].uri == output.function_urls[name]
      && job.http_target[0].oidc_token[0].audience == output.function_urls[name]
      && job.http_target[0].oidc_token[0].service_account_email == "${google_service_account.invoker["scheduler"].account_id}@tok-test.iam.gserviceaccount.com"
    ])
    error_message = "A tick is called without the scheduler's identity token."
  }

  # The gateway.
  assert {
    condition = alltrue([
      for name, backend in jsondecode(base64decode(google_api_gateway_api_config.tok.openapi_documents[0].document[0].contents))["x-google-api-management"].backends :
      backend.address == output.function_urls[name]
      && backend.jwtAudience == output.function_urls[name]
      && backend.deadline == var.manifest.functions[name].timeout_seconds
    ])
    error_message = "A backend's address, audience or deadline is not its function's."
  }
  assert {
    condition = alltrue(flatten([
      for path, item in jsondecode(base64decode(google_api_gateway_api_config.tok.openapi_documents[0].document[0].contents)).paths : [
        for method, operation in item : contains(
          keys(jsondecode(base64decode(google_api_gateway_api_config.tok.openapi_documents[0].document[0].contents))["x-google-api-management"].backends),
          operation["x-google-backend"],
        ) if method != "parameters"
      ]
    ]))
    error_message = "An operation names a backend that the document does not declare."
  }
  assert {
    condition     = google_api_gateway_api_config.tok.gateway_config[0].backend_config[0].google_service_account == "${google_service_account.invoker["gateway"].account_id}@tok-test.iam.gserviceaccount.com"
    error_message = "The gateway calls functions as someone else."
  }
  assert {
    condition     = google_project_service.gateway.service == google_api_gateway_api.tok.managed_service && google_project_service.gateway.disable_on_destroy == false
    error_message = "The gateway's own service is not enabled: every call would be refused."
  }

  # The domain.
  assert {
    condition = (
      google_compute_managed_ssl_certificate.api.managed[0].domains == tolist(["api.tokapi.io"])
      && google_compute_ssl_policy.api.min_tls_version == "TLS_1_2"
      && google_compute_ssl_policy.api.profile == "RESTRICTED"
      && google_compute_global_forwarding_rule.api.port_range == "443"
      && google_compute_region_network_endpoint_group.gateway.serverless_deployment[0].resource == google_api_gateway_gateway.tok.gateway_id
    )
    error_message = "The domain has another certificate, weak TLS, an open port 80, or leads elsewhere."
  }

  # What an operator looks at.
  assert {
    condition = alltrue([
      for needed in ["request_count", "request_latencies", "sync_lag_seconds", "queue_depth", "breaker_opened", "limiter_degraded", "consent_expiring", "document_write_ops_count", "cloudkms.googleapis.com"] :
      strcontains(google_monitoring_dashboard.this.dashboard_json, needed)
    ]) && length(jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles) == 12
    error_message = "The dashboard lacks a chart."
  }
  assert {
    condition = alltrue([
      for tile in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles :
      !contains([for axis in ["xPos", "yPos"] : lookup(tile, axis, 1)], 0)
    ]) && length(distinct([for tile in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : [lookup(tile, "xPos", 0), lookup(tile, "yPos", 0)]])) == 12
    error_message = "Tiles lie upon each other, or state a position of zero: the provider would replan the dashboard for ever."
  }
  assert {
    condition = alltrue([
      for query in concat(
        [for alert in google_monitoring_alert_policy.this : alert.conditions[0].condition_prometheus_query_language[0].query],
        flatten([for chart in jsondecode(google_monitoring_dashboard.this.dashboard_json).mosaicLayout.tiles : chart.widget.xyChart.dataSets[*].timeSeriesQuery.prometheusQuery]),
      ) : length(regexall("googleapis_com:", query)) > 0 && length(regexall("googleapis_com:", query)) == length(regexall("googleapis_com:[a-z0-9_]+\\{monitored_resource=\"[A-Za-z./_]+\"", query))
    ])
    error_message = "A query does not say of which kind of resource its metric is: PromQL refuses a metric of several."
  }

  # What each alert looks at, and from when on.
  assert {
    condition = alltrue([
      for name, parts in {
        server_errors       = ["rate(run_googleapis_com:request_count{", "response_code_class=\"5xx\"", "service_name=~\"live-", "> 0.01"]
        latency             = ["histogram_quantile(0.95,", "run_googleapis_com:request_latencies_bucket{", "live-transactions", "> 500"]
        bank_latency        = ["histogram_quantile(0.95,", "run_googleapis_com:request_latencies_bucket{", "live-consents", "> 15000"]
        sync_lag            = ["histogram_quantile(0.95,", "user_live_sync_lag_seconds_bucket{", "> 3600"]
        breaker_open        = ["sum by (bank)", "user_live_breaker_opened{", ">= 1"]
        queue_depth         = ["cloudtasks_googleapis_com:queue_depth{", "queue_id=~\"live-.*\"", "> 5000"]
        limiter_degraded    = ["user_live_limiter_degraded{", "> 20"]
        consent_expiry_wave = ["sum by (days)", "user_live_consent_expiring{", "[1d]", "> 200"]
        tick_failed         = ["sum by (job)", "user_live_tick_failed{monitored_resource=\"cloud_scheduler_job\"}", ">= 3"]
        } : alltrue([
          for part in parts : strcontains(google_monitoring_alert_policy.this[name].conditions[0].condition_prometheus_query_language[0].query, part)
      ])
    ]) && length(google_monitoring_alert_policy.this) == 9
    error_message = "An alert is missing, looks at something else, or fires at another threshold than the one it is given."
  }
  assert {
    condition = alltrue([
      for name, parts in {
        breaker_opened   = ["cloud_run_revision", "service_name=~\"^live-\"", "jsonPayload.message=\"breaker_opened\""]
        limiter_degraded = ["cloud_run_revision", "service_name=~\"^live-\"", "jsonPayload.message=\"limiter_degraded\""]
        consent_expiring = ["cloud_run_revision", "service_name=~\"^live-\"", "jsonPayload.message=\"consent_expiring\""]
        tick_failed      = ["cloud_scheduler_job", "job_id=~\"^live-\"", "severity>=ERROR"]
      } : alltrue([for part in parts : strcontains(google_logging_metric.counter[name].filter, part)])
    ]) && strcontains(google_logging_metric.sync_lag.filter, "jsonPayload.message=\"sync_ended\"")
    error_message = "A metric counts other lines than its own."
  }

  # Alerts reach someone.
  assert {
    condition     = alltrue([for alert in google_monitoring_alert_policy.this : alert.notification_channels == tolist(["projects/tok-test/notificationChannels/1"])])
    error_message = "An alert reaches nobody."
  }
  assert {
    condition     = output.bank_url == null && !contains(keys(output.databases), "bank")
    error_message = "The live environment has a sandbox bank."
  }
}

run "sandbox" {
  command = plan

  variables {
    environment          = "sandbox"
    domain               = "sandbox.api.tokapi.io"
    gateway_document     = file("../../dist/gateway.sandbox.json")
    max_instances_factor = 0.2
  }

  module {
    source = "./modules/environment"
  }

  # The sandbox's bank is a bank as any other: browsers and Tok reach it from outside. Nothing else is public.
  assert {
    condition = alltrue([
      for name, binding in google_cloud_run_v2_service_iam_binding.invoker :
      (length(setintersection(binding.members, ["allUsers", "allAuthenticatedUsers"])) > 0) == (var.manifest.functions[name].trigger == "public")
    ])
    error_message = "Something else than the sandbox's bank is public."
  }
  assert {
    condition = alltrue([
      for name, entry in var.manifest.functions :
      toset(entry.databases) == toset(["bank"]) && length(try(entry.kms, [])) == 0 && toset(entry.settings) == toset(["bank"]) if entry.trigger == "public"
    ])
    error_message = "What the public may call reaches more than the bank's own database."
  }
  assert {
    condition = alltrue([
      for grant in google_project_iam_member.database :
      !strcontains(grant.condition[0].expression, "databases/live\"")
    ])
    error_message = "A sandbox function may open live bank data."
  }
  assert {
    condition = alltrue([
      for key, grant in google_project_iam_member.database :
      strcontains(grant.condition[0].expression, "databases/sandbox-bank\"") == endswith(key, "/bank")
    ])
    error_message = "The bank's database is open to the platform, or the bank opens another."
  }
  assert {
    condition     = alltrue([for name in keys(google_secret_manager_secret.this) : !startswith(name, "q")])
    error_message = "The sandbox, which never reaches a real bank, has a place for eIDAS certificates."
  }
  assert {
    condition     = alltrue([for function in google_cloudfunctions2_function.this : function.service_config[0].max_instance_count >= max(1, function.service_config[0].min_instance_count)])
    error_message = "The factor leaves a function fewer instances than it keeps."
  }
  assert {
    condition     = output.bank_url == "https://sandbox-sandbox-bank-1234567890.europe-west1.run.app" && output.databases.data == "sandbox" && output.databases.bank == "sandbox-bank"
    error_message = "The sandbox lacks its bank or its bank's database."
  }
}
