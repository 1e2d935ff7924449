# Who read or wrote what. A person's access to bank data is always logged. The functions' own is not, for Firestore:
# it is every request, each has a log line of its own, and the copy would cost more than the read.
locals {
  function_members = concat(module.live.function_members, module.sandbox.function_members)

  audited = {
    "cloudkms.googleapis.com"      = []
    "secretmanager.googleapis.com" = []
    "iam.googleapis.com"           = []
    "datastore.googleapis.com"     = local.function_members
    "firestore.googleapis.com"     = local.function_members
  }
}

resource "google_project_iam_audit_config" "this" {
  for_each = local.audited

  project = var.project_id
  service = each.key

  dynamic "audit_log_config" {
    for_each = ["ADMIN_READ", "DATA_READ", "DATA_WRITE"]
    content {
      log_type         = audit_log_config.value
      exempted_members = audit_log_config.value == "ADMIN_READ" ? [] : each.value
    }
  }
}

# Data-access logs are kept for 30 days where they land; these are kept for as long as the variable says.
resource "google_logging_project_bucket_config" "audit" {
  project        = var.project_id
  location       = var.region
  bucket_id      = "audit"
  description    = "Audit logs of administration and data access"
  retention_days = var.audit_log_retention_days

  depends_on = [google_project_service.this]
}

resource "google_logging_project_sink" "audit" {
  project                = var.project_id
  name                   = "audit"
  destination            = "logging.googleapis.com/${google_logging_project_bucket_config.audit.id}"
  filter                 = "log_id(\"cloudaudit.googleapis.com/data_access\") OR log_id(\"cloudaudit.googleapis.com/activity\")"
  unique_writer_identity = true
}
