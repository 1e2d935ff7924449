output "public_url" {
  description = "The API's base URL as clients see it."
  value       = "https://${var.domain}/v1"
}

output "dns_record" {
  description = "The A record to make for the API's host name. The certificate is issued once it resolves."
  value       = { name = var.domain, type = "A", value = google_compute_global_address.api.address }
}

output "gateway_hostname" {
  description = "The gateway's own host name, for looking behind the load balancer."
  value       = google_api_gateway_gateway.tok.default_hostname
}

output "function_urls" {
  description = "Function to address, as infra/gateway_document.py takes them."
  value       = local.urls
}

output "bank_url" {
  description = "The sandbox bank's address; null in the live environment."
  value       = local.bank_url
}

output "service_accounts" {
  description = "Function to the e-mail of its identity."
  value       = local.function_emails
}

output "function_members" {
  description = "The functions' identities as IAM members."
  value       = values(local.function_members)
}

output "invoker_service_accounts" {
  description = "gateway, tasks, scheduler: the e-mail of each."
  value       = local.invoker_emails
}

output "queues" {
  description = "Queue to its full name."
  value       = { for name, queue in google_cloud_tasks_queue.this : name => "projects/${var.project.id}/locations/${queue.location}/queues/${queue.name}" }
}

output "scheduler_jobs" {
  description = "Names of the Scheduler jobs, to pause and resume."
  value       = [for job in google_cloud_scheduler_job.tick : job.name]
}

output "kms_key" {
  description = "The key that wraps bank tokens' data keys."
  value       = local.kms_key
}

output "secrets" {
  description = "Secret Manager's ids that want a value, by what they hold."
  value       = { for name, secret in google_secret_manager_secret.this : name => secret.secret_id }
}

output "databases" {
  description = "Firestore databases of this environment."
  value       = { for name, database in local.databases : name => database.name if name != "control" }
}

output "settings" {
  description = "Function to its environment: variable to value. Secrets are not in it."
  value       = local.function_settings
}

output "alerts" {
  description = "Names of the alerts; docs/operations.md has each."
  value       = keys(local.alert_rules)
}
