resource "google_cloudfunctions2_function" "this" {
  #checkov:skip=CKV_GCP_124:API Gateway calls from outside the network; IAM closes its functions, queues' and scheduler's are internal
  for_each = local.functions

  project     = var.project.id
  location    = var.region
  name        = each.value.service
  description = "Tok ${var.environment}: ${each.key}"
  labels      = { environment = var.environment, trigger = each.value.trigger }

  build_config {
    runtime           = var.functions_source.runtime
    entry_point       = "main"
    service_account   = var.functions_source.builder
    docker_repository = var.functions_source.docker_repository

    # The buildpack compiles Tok's modules, and the image's layers then date every file 1980: bytecode that is checked by
    # its source's time would be stale for ever. With this variable, Python checks by the source's hash (decision 20).
    environment_variables = { SOURCE_DATE_EPOCH = "315532800" }

    source {
      storage_source {
        bucket = var.functions_source.bucket
        object = var.functions_source.objects[each.key]
      }
    }

    automatic_update_policy {}
  }

  service_config {
    service_account_email = local.function_emails[each.key]

    available_memory                 = "${each.value.memory_mib}Mi"
    available_cpu                    = "1" # less, and Cloud Run gives one request at a time
    max_instance_request_concurrency = each.value.concurrency
    min_instance_count               = each.value.min_instances
    max_instance_count               = max(1, each.value.min_instances, ceil(each.value.max_instances * var.max_instances_factor))
    timeout_seconds                  = each.value.timeout_seconds
    all_traffic_on_latest_revision   = true

    # Queue and scheduler come from inside. The gateway comes from the internet: its functions are closed by IAM alone.
    ingress_settings = contains(["tasks", "scheduler"], each.value.trigger) ? "ALLOW_INTERNAL_ONLY" : "ALLOW_ALL"

    environment_variables = local.function_settings[each.key]

    dynamic "secret_environment_variables" {
      for_each = merge([for group in each.value.groups : lookup(local.secret_settings, group, {})]...)
      content {
        key        = secret_environment_variables.key
        project_id = var.project.id
        secret     = google_secret_manager_secret.this[secret_environment_variables.value].secret_id
        version    = "latest"
      }
    }
  }

  lifecycle {
    precondition {
      condition     = alltrue([for group in each.value.groups : contains(keys(local.plain_settings), group)])
      error_message = "${each.key} names a group of settings that settings.tf lacks."
    }
  }

  depends_on = [
    google_secret_manager_secret_iam_binding.readers,
    google_kms_crypto_key_iam_binding.tokens,
    google_project_iam_member.database,
  ]
}

# Who may call a function: its one caller. A binding, so that whoever is added by hand is out again with the next apply.
# The grant is on the Cloud Run service: Cloud Functions' own does not hold for the second generation.
resource "google_cloud_run_v2_service_iam_binding" "invoker" {
  for_each = local.functions

  project  = var.project.id
  location = var.region
  name     = google_cloudfunctions2_function.this[each.key].name
  role     = "roles/run.invoker"
  members = [
    # The sandbox's bank is met by browsers and by Tok as any bank is: from outside, with its own login.
    each.value.trigger == "public" ? "allUsers" : local.invoker_members[each.value.trigger]
  ]
}
