# What the manifest says about this environment.
locals {
  functions = {
    for name, entry in var.manifest.functions : name => merge(entry, {
      service   = "${var.environment}-${replace(name, "_", "-")}"
      databases = toset(entry.databases)
      kms       = toset(try(entry.kms, []))
      groups    = toset(concat(entry.databases, entry.settings))
    }) if contains(entry.environments, var.environment)
  }
  queues = try(var.manifest.queues, {})

  # Cloud Run's deterministic addresses: known before the functions are, so that a worker may enqueue its own
  # successor, and functions and gateway may name each other.
  urls = { for name, entry in local.functions : name => "https://${entry.service}-${var.project.number}.${var.region}.run.app" }

  # Only the sandbox has a bank of its own.
  has_bank = anytrue([for entry in values(local.functions) : contains(entry.databases, "bank")])
}
