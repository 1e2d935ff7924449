resource "google_cloud_tasks_queue" "this" {
  for_each = local.queues

  project  = var.project.id
  name     = "${var.environment}-${replace(each.key, "_", "-")}"
  location = var.region

  rate_limits {
    max_dispatches_per_second = each.value.max_dispatches_per_second
    max_concurrent_dispatches = each.value.max_concurrent_dispatches
  }

  retry_config {
    max_attempts       = each.value.max_attempts
    min_backoff        = "${each.value.min_backoff_seconds}s"
    max_backoff        = "${each.value.max_backoff_seconds}s"
    max_doublings      = each.value.max_doublings
    max_retry_duration = "${each.value.max_retry_duration_seconds}s"
  }

  stackdriver_logging_config {
    sampling_ratio = 0.01 # the functions' own lines tell the rest
  }
}

locals {
  # Queue to the functions that enqueue into it.
  enqueuers = {
    for queue in keys(local.queues) : queue => [
      for name, entry in local.functions : name
      if contains([for group in entry.groups : lookup(local.queue_of_group, group, "")], queue)
    ]
  }
}

resource "google_cloud_tasks_queue_iam_binding" "enqueuers" {
  for_each = { for queue, names in local.enqueuers : queue => names if length(names) > 0 }

  project  = var.project.id
  location = var.region
  name     = google_cloud_tasks_queue.this[each.key].name
  role     = "roles/cloudtasks.enqueuer"
  members  = [for name in each.value : local.function_members[name]]
}
