output "environments" {
  description = "live and sandbox: base URL, bank, functions, queues, jobs, databases, keys, identities."
  value = {
    for name, environment in { live = module.live, sandbox = module.sandbox } : name => {
      public_url                    = environment.public_url
      gateway_hostname              = environment.gateway_hostname
      bank_url                      = environment.bank_url
      function_urls                 = environment.function_urls
      queues                        = environment.queues
      scheduler_jobs                = environment.scheduler_jobs
      databases                     = environment.databases
      kms_key                       = environment.kms_key
      service_accounts              = environment.service_accounts
      invoker_service_accounts      = environment.invoker_service_accounts
    }
  }
}

output "dns_records" {
  description = "Records to make at the domain's registrar."
  value       = [module.live.dns_record, module.sandbox.dns_record]
}

output "secrets" {
  description = "Secrets that want a value, by environment: gcloud secrets versions add <id> --data-file=-"
  value       = { live = module.live.secrets, sandbox = module.sandbox.secrets }
}

output "bundles_bucket" {
  description = "Where the functions' bundles are."
  value       = google_storage_bucket.bundles.name
}

output "audit_log_bucket" {
  description = "The log bucket of data-access logs."
  value       = google_logging_project_bucket_config.audit.id
}

output "alerts" {
  description = "Names of all alerts; docs/operations.md says what to do about each."
  value       = sort(distinct(concat(module.live.alerts, module.sandbox.alerts, ["kms_errors"])))
}
