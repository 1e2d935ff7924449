# Numbers that only the code knows, taken from its log lines. Everything else has a metric of Google's own.
locals {
  # Of this environment's functions, the line with this message.
  log_line = {
    for message in ["sync_ended", "breaker_opened", "limiter_degraded", "consent_expiring"] :
    message => "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=~\"^${var.environment}-\" AND jsonPayload.message=\"${message}\""
  }

  counters = {
    breaker_opened = {
      description = "A bank's circuit breaker opened"
      filter      = local.log_line["breaker_opened"]
      labels      = { bank = "EXTRACT(jsonPayload.bank)" }
    }
    limiter_degraded = {
      description = "A request was limited by the instance's own bucket, since the store could not be reached"
      filter      = local.log_line["limiter_degraded"]
      labels      = {}
    }
    consent_expiring = {
      description = "A consent came near its end: one line for each of 30, 14, 7 and 1 days"
      filter      = local.log_line["consent_expiring"]
      labels      = { days = "EXTRACT(jsonPayload.days)" }
    }
    tick_failed = {
      description = "Cloud Scheduler could not deliver a tick"
      filter      = "resource.type=\"cloud_scheduler_job\" AND resource.labels.job_id=~\"^${var.environment}-\" AND severity>=ERROR"
      labels      = { job = "EXTRACT(resource.labels.job_id)" }
    }
  }
}

resource "google_logging_metric" "counter" {
  for_each = local.counters

  project          = var.project.id
  name             = "${var.environment}_${each.key}"
  description      = each.value.description
  filter           = each.value.filter
  label_extractors = each.value.labels

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"

    dynamic "labels" {
      for_each = each.value.labels
      content {
        key        = labels.key
        value_type = "STRING"
      }
    }
  }
}

resource "google_logging_metric" "sync_lag" {
  project         = var.project.id
  name            = "${var.environment}_sync_lag_seconds"
  description     = "From when a sync was to run to when it ran"
  filter          = "${local.log_line["sync_ended"]} AND jsonPayload.lagSeconds>=0"
  value_extractor = "EXTRACT(jsonPayload.lagSeconds)"

  label_extractors = { outcome = "EXTRACT(jsonPayload.outcome)" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = "s"

    labels {
      key        = "outcome"
      value_type = "STRING"
    }
  }

  bucket_options {
    exponential_buckets {
      num_finite_buckets = 20
      growth_factor      = 2
      scale              = 1
    }
  }
}
