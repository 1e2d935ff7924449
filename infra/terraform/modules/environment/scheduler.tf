resource "google_cloud_scheduler_job" "tick" {
  for_each = { for name, entry in local.functions : name => entry if entry.trigger == "scheduler" }

  project          = var.project.id
  region           = var.region
  name             = each.value.service
  description      = "Calls ${each.key}"
  schedule         = each.value.schedule
  time_zone        = each.value.time_zone
  attempt_deadline = "${each.value.timeout_seconds}s"

  retry_config {
    retry_count          = 3
    min_backoff_duration = "5s"
    max_backoff_duration = "60s"
  }

  http_target {
    http_method = "POST"
    uri         = local.urls[each.key]

    oidc_token {
      service_account_email = local.invoker_emails["scheduler"]
      audience              = local.urls[each.key]
    }
  }

  depends_on = [google_cloud_run_v2_service_iam_binding.invoker]
}
