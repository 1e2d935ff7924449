# KMS's own metric knows the caller by number only, so that one alert serves both environments.
resource "google_monitoring_alert_policy" "kms_errors" {
  project               = var.project_id
  display_name          = "Tok: KMS refuses or fails"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = local.notification_channels
  user_labels           = { alert = "kms_errors" }

  conditions {
    display_name = "KMS refuses or fails"

    condition_prometheus_query_language {
      query                     = "sum by (response_code) (increase(serviceruntime_googleapis_com:api_request_count{monitored_resource=\"consumed_api\",service=\"cloudkms.googleapis.com\",response_code_class!=\"2xx\"}[5m])) > ${var.alert_thresholds.kms_errors_in_5m}"
      duration                  = "0s"
      evaluation_interval       = "60s"
      disable_metric_validation = true
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "Tok: kms_errors"
    content   = "What it means and what to do: docs/operations.md, \"kms_errors\"."
  }

  depends_on = [google_project_service.this]
}
