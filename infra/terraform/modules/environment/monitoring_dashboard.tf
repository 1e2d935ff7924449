locals {
  every_service = "monitored_resource=\"cloud_run_revision\",service_name=~\"${var.environment}-.*\""
  own_database  = "monitored_resource=\"firestore.googleapis.com/Database\",database_id=\"${var.environment}\"" # read_count knows no database

  # Title, PromQL queries and their unit, in the order they are shown, two in a row.
  charts = [
    ["Requests by reply, per second", ["sum by (response_code_class) (rate(run_googleapis_com:request_count{${local.run_labels.all}}[5m]))"], "1/s"],
    ["p95 latency by function", ["histogram_quantile(0.95, sum by (le, service_name) (rate(run_googleapis_com:request_latencies_bucket{${local.run_labels.all}}[5m])))"], "ms"],
    ["Sync lag, p50 and above", ["histogram_quantile(0.5, sum by (le) (rate(${local.metric_prefix}_sync_lag_seconds_bucket{${local.function_lines}}[15m])))", "histogram_quantile(0.95, sum by (le) (rate(${local.metric_prefix}_sync_lag_seconds_bucket{${local.function_lines}}[15m])))"], "s"],
    ["Syncs by outcome, per hour", ["sum by (outcome) (increase(${local.metric_prefix}_sync_lag_seconds_count{${local.function_lines}}[1h]))"], "1"],
    ["Tasks waiting by queue", ["max by (queue_id) (cloudtasks_googleapis_com:queue_depth{monitored_resource=\"cloud_tasks_queue\",queue_id=~\"${var.environment}-.*\"})"], "1"],
    ["Breakers opened by bank, per hour", ["sum by (bank) (increase(${local.metric_prefix}_breaker_opened{${local.function_lines}}[1h]))"], "1"],
    ["Requests limited without the store, per hour", ["sum(increase(${local.metric_prefix}_limiter_degraded{${local.function_lines}}[1h]))"], "1"],
    ["Consents near their end by days left, per day", ["sum by (days) (increase(${local.metric_prefix}_consent_expiring{${local.function_lines}}[1d]))"], "1"],
    ["Instances by function", ["sum by (service_name) (run_googleapis_com:container_instance_count{${local.every_service}})"], "1"],
    ["Memory, p99 of instances by function", ["histogram_quantile(0.99, sum by (le, service_name) (rate(run_googleapis_com:container_memory_utilizations_bucket{${local.every_service}}[5m])))"], "1"],
    ["Document reads and writes, per second", ["sum(rate(firestore_googleapis_com:document_read_ops_count{${local.own_database}}[5m]))", "sum(rate(firestore_googleapis_com:document_write_ops_count{${local.own_database}}[5m]))"], "1/s"],
    ["KMS calls by reply, per second (both environments)", ["sum by (response_code_class) (rate(serviceruntime_googleapis_com:api_request_count{monitored_resource=\"consumed_api\",service=\"cloudkms.googleapis.com\"}[5m]))"], "1/s"],
  ]
}

resource "google_monitoring_dashboard" "this" {
  project = var.project.id

  dashboard_json = jsonencode({
    displayName = "Tok ${var.environment}"
    mosaicLayout = {
      columns = 48
      tiles = [
        for number, chart in local.charts : merge(
          # Monitoring leaves positions of zero out of its reply, and the provider would replan them for ever.
          { for axis, position in { xPos = (number % 2) * 24, yPos = floor(number / 2) * 16 } : axis => position if position > 0 },
          {
            width  = 24
            height = 16
            widget = {
              title = chart[0]
              xyChart = {
                dataSets = [for query in chart[1] : {
                  plotType        = "LINE"
                  timeSeriesQuery = { prometheusQuery = query, unitOverride = chart[2] }
                }]
              }
            }
          },
        )
      ]
    }
  })

  depends_on = [google_logging_metric.counter, google_logging_metric.sync_lag]
}
