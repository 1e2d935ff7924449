# One identity a function, and one for each that calls functions.
resource "google_service_account" "function" {
  for_each = local.functions

  project      = var.project.id
  account_id   = each.value.service
  display_name = "Tok ${var.environment}: function ${each.key}"
}

resource "google_service_account" "invoker" {
  for_each = toset(["gateway", "tasks", "scheduler"])

  project      = var.project.id
  account_id   = "${var.environment}-${each.key}"
  display_name = "Tok ${var.environment}: calls functions as the ${each.key}"
}

# Written out, so that a plan shows who is granted what before the accounts are there.
locals {
  function_emails  = { for name, account in google_service_account.function : name => "${account.account_id}@${var.project.id}.iam.gserviceaccount.com" }
  function_members = { for name, email in local.function_emails : name => "serviceAccount:${email}" }
  invoker_emails   = { for name, account in google_service_account.invoker : name => "${account.account_id}@${var.project.id}.iam.gserviceaccount.com" }
  invoker_members  = { for name, email in local.invoker_emails : name => "serviceAccount:${email}" }
}

# Who enqueues a task gives it the queue's identity.
resource "google_service_account_iam_binding" "enqueuers" {
  count = length(flatten(values(local.enqueuers))) > 0 ? 1 : 0

  service_account_id = google_service_account.invoker["tasks"].name
  role               = "roles/iam.serviceAccountUser"
  members            = [for name in distinct(flatten(values(local.enqueuers))) : local.function_members[name]]
}
