# What each means and what to do: docs/operations.md, under the same names.
locals {
  thresholds = var.alerts.thresholds

  # Functions that clients wait for, apart by whether they wait for a bank in turn.
  client_services = {
    quick = [for entry in values(local.functions) : entry.service if entry.trigger == "gateway" && !contains(entry.groups, "banks")]
    bank  = [for entry in values(local.functions) : entry.service if entry.trigger == "gateway" && contains(entry.groups, "banks")]
  }
  run_labels = {
    for kind, services in merge(local.client_services, { all = flatten(values(local.client_services)) }) :
    kind => "monitored_resource=\"cloud_run_revision\",service_name=~\"${join("|", services)}\""
  }
  metric_prefix = "logging_googleapis_com:user_${var.environment}"

  # A metric of log lines may belong to any kind of resource, and PromQL refuses one whose kind is left open.
  function_lines  = "monitored_resource=\"cloud_run_revision\""
  scheduler_lines = "monitored_resource=\"cloud_scheduler_job\""

  alert_rules = {
    server_errors = {
      severity = "CRITICAL"
      title    = "more than ${local.thresholds.server_error_ratio * 100} % of replies are 5xx"
      # Under one request in ten seconds a ratio says nothing.
      query = join(" ", [
        "sum(rate(run_googleapis_com:request_count{${local.run_labels.all},response_code_class=\"5xx\"}[5m]))",
        "/ sum(rate(run_googleapis_com:request_count{${local.run_labels.all}}[5m])) > ${local.thresholds.server_error_ratio}",
        "and sum(rate(run_googleapis_com:request_count{${local.run_labels.all}}[5m])) > 0.1",
      ])
      lasting = "300s"
    }
    latency = {
      severity = "WARNING"
      title    = "reads are slow: p95 above ${local.thresholds.latency_p95_ms} ms"
      query    = "histogram_quantile(0.95, sum by (le, service_name) (rate(run_googleapis_com:request_latencies_bucket{${local.run_labels.quick}}[5m]))) > ${local.thresholds.latency_p95_ms}"
      lasting  = "600s"
    }
    bank_latency = {
      severity = "WARNING"
      title    = "calls that wait for a bank are slow: p95 above ${local.thresholds.latency_bank_p95_ms} ms"
      query    = "histogram_quantile(0.95, sum by (le, service_name) (rate(run_googleapis_com:request_latencies_bucket{${local.run_labels.bank}}[5m]))) > ${local.thresholds.latency_bank_p95_ms}"
      lasting  = "600s"
    }
    sync_lag = {
      severity = "CRITICAL"
      title    = "syncs run more than ${local.thresholds.sync_lag_minutes} minutes late"
      query    = "histogram_quantile(0.95, sum by (le) (rate(${local.metric_prefix}_sync_lag_seconds_bucket{${local.function_lines}}[15m]))) > ${local.thresholds.sync_lag_minutes * 60}"
      lasting  = "600s"
    }
    breaker_open = {
      severity = "WARNING"
      title    = "a bank fails: its circuit breaker opened"
      query    = "sum by (bank) (increase(${local.metric_prefix}_breaker_opened{${local.function_lines}}[15m])) >= ${local.thresholds.bank_breakers_opened}"
      lasting  = "0s"
    }
    queue_depth = {
      severity = "WARNING"
      title    = "more than ${local.thresholds.queue_depth} tasks wait in a queue"
      query    = "max by (queue_id) (cloudtasks_googleapis_com:queue_depth{monitored_resource=\"cloud_tasks_queue\",queue_id=~\"${var.environment}-.*\"}) > ${local.thresholds.queue_depth}"
      lasting  = "600s"
    }
    limiter_degraded = {
      severity = "WARNING"
      title    = "the rate limiter cannot reach its store"
      query    = "sum(increase(${local.metric_prefix}_limiter_degraded{${local.function_lines}}[5m])) > ${local.thresholds.limiter_degraded}"
      lasting  = "300s"
    }
    consent_expiry_wave = {
      severity = "WARNING"
      title    = "more than ${local.thresholds.expiring_consents} consents near their end in a day"
      query    = "sum by (days) (increase(${local.metric_prefix}_consent_expiring{${local.function_lines}}[1d])) > ${local.thresholds.expiring_consents}"
      lasting  = "0s"
    }
    tick_failed = {
      severity = "CRITICAL"
      title    = "the scheduler's ticks fail"
      query    = "sum by (job) (increase(${local.metric_prefix}_tick_failed{${local.scheduler_lines}}[30m])) >= 3"
      lasting  = "0s"
    }
  }
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local.alert_rules

  project               = var.project.id
  display_name          = "Tok ${var.environment}: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = var.alerts.channels
  user_labels           = { environment = var.environment, alert = each.key }

  conditions {
    display_name = each.value.title

    condition_prometheus_query_language {
      query               = each.value.query
      duration            = each.value.lasting
      evaluation_interval = "60s"
      # A metric of log lines does not exist before its first line.
      disable_metric_validation = true
    }
  }

  alert_strategy {
    auto_close = "86400s"
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "Tok ${var.environment}: ${each.key}"
    content   = "What it means and what to do: docs/operations.md, \"${each.key}\"."
  }

  depends_on = [google_logging_metric.counter, google_logging_metric.sync_lag]
}
