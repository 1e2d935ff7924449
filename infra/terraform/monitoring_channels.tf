resource "google_monitoring_notification_channel" "email" {
  for_each = toset(var.alert_emails)

  project      = var.project_id
  type         = "email"
  display_name = "Tok alerts: ${each.key}"
  labels       = { email_address = each.key }

  depends_on = [google_project_service.this]
}

locals {
  notification_channels = concat(
    [for channel in google_monitoring_notification_channel.email : channel.id],
    var.alert_channels,
  )
}
