# The secrets' places. Their values are added by hand (README.md) and never pass through Terraform, nor lie in its state.
locals {
  secret_names = toset(concat(
    flatten([for group in local.used_groups : values(lookup(local.secret_settings, group, {}))]),
    # Banks know Tok by its certificates (eIDAS): the live environment's only, the sandbox never reaches a real bank.
    var.environment == "live" ? ["qwac-certificate", "qwac-key", "qsealc-certificate", "qsealc-key"] : [],
  ))

  # Which functions read a secret: those whose settings need it. Certificates have no reader until a connector uses them.
  secret_readers = {
    for secret in local.secret_names : secret => [
      for name, entry in local.functions : name
      if contains(flatten([for group in entry.groups : values(lookup(local.secret_settings, group, {}))]), secret)
    ]
  }
}

resource "google_secret_manager_secret" "this" {
  for_each = local.secret_names

  project             = var.project.id
  secret_id           = "${var.environment}-${each.key}"
  version_destroy_ttl = "604800s" # a destroyed version can be had back for 7 days

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_secret_manager_secret_iam_binding" "readers" {
  for_each = { for secret, names in local.secret_readers : secret => names if length(names) > 0 }

  project   = var.project.id
  secret_id = google_secret_manager_secret.this[each.key].secret_id
  role      = "roles/secretmanager.secretAccessor"
  members   = [for name in each.value : local.function_members[name]]
}
