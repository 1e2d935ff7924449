# The root: both environments and what they share.
mock_provider "google" {}

mock_provider "google-beta" {}

variables {
  project_id      = "tok-test"
  alert_emails    = ["on-call@example.com"]
  billing_account = "012345-6789AB-CDEF01"
}

run "the_whole_platform" {
  command = plan

  assert {
    condition     = output.environments.live.public_url == "https://api.tokapi.io/v1" && output.environments.sandbox.public_url == "https://sandbox.api.tokapi.io/v1"
    error_message = "The API is at another address than its clients know."
  }
  assert {
    condition     = length(setintersection(values(output.environments.live.service_accounts), values(output.environments.sandbox.service_accounts))) == 0
    error_message = "An identity works in both environments."
  }
  assert {
    condition     = output.environments.live.kms_key != output.environments.sandbox.kms_key
    error_message = "The environments share a key."
  }
  assert {
    condition = alltrue([
      for service in ["cloudkms.googleapis.com", "secretmanager.googleapis.com", "firestore.googleapis.com", "iam.googleapis.com"] :
      toset([for config in google_project_iam_audit_config.this[service].audit_log_config : config.log_type]) == toset(["ADMIN_READ", "DATA_READ", "DATA_WRITE"])
    ])
    error_message = "A service's access is not logged."
  }
  assert {
    condition = alltrue(flatten([
      for service in ["cloudkms.googleapis.com", "secretmanager.googleapis.com"] :
      [for config in google_project_iam_audit_config.this[service].audit_log_config : length(config.exempted_members) == 0]
    ]))
    error_message = "Somebody's use of keys or secrets is not logged."
  }
  assert {
    condition = alltrue(flatten([
      for service in ["datastore.googleapis.com", "firestore.googleapis.com"] : [
        for config in google_project_iam_audit_config.this[service].audit_log_config :
        length(setsubtract(coalesce(config.exempted_members, []), [
          for account in concat(values(output.environments.live.service_accounts), values(output.environments.sandbox.service_accounts)) : "serviceAccount:${account}"
        ])) == 0
      ]
    ]))
    error_message = "Someone else than the functions reads bank data without a line in the audit log."
  }
  assert {
    condition     = google_logging_project_bucket_config.audit.retention_days >= 365
    error_message = "Audit logs are kept for less than a year."
  }
  assert {
    condition = (
      strcontains(google_logging_project_sink.audit.filter, "log_id(\"cloudaudit.googleapis.com/data_access\")")
      && strcontains(google_logging_project_sink.audit.filter, "log_id(\"cloudaudit.googleapis.com/activity\")")
    )
    error_message = "Audit logs do not reach the bucket that keeps them."
  }
  assert {
    condition = alltrue([
      for part in ["log_id(\"run.googleapis.com/requests\")", "resource.type=\"apigateway.googleapis.com/Gateway\"", "httpRequest.requestUrl=~\"[?]\""] :
      strcontains(google_logging_project_exclusion.queries.filter, part)
    ]) && google_logging_project_exclusion.queries.disabled != true
    error_message = "Logs keep addresses with their queries, and with them the callback's codes."
  }
  assert {
    condition     = module.control_database.name == "(default)"
    error_message = "There is no control plane's database."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.kms_errors.conditions[0].condition_prometheus_query_language[0].query, "service=\"cloudkms.googleapis.com\",response_code_class!=\"2xx\"}[5m])) > 5")
    error_message = "Nobody is told when KMS refuses."
  }
  assert {
    condition = (
      google_storage_bucket.bundles.uniform_bucket_level_access
      && google_storage_bucket.bundles.versioning[0].enabled
      && google_storage_bucket.bundles.public_access_prevention == "enforced"
    )
    error_message = "The bundles' bucket is not versioned, not uniform or not private."
  }
  assert {
    condition     = alltrue([for name, object in google_storage_bucket_object.bundle : can(regex("^${name}-[0-9a-f]{64}\\.zip$", object.name))])
    error_message = "A bundle is not named by its content."
  }
  assert {
    condition     = toset(keys(google_storage_bucket_object.bundle)) == toset(keys(yamldecode(file("../../functions/manifest.yaml")).functions))
    error_message = "A function has no bundle."
  }
  assert {
    condition = (
      can(regex("^resource\\.name\\.startsWith\\(\"projects/_/buckets/gcf-v2-sources-[^\"]*-europe-west1\"\\)$", google_project_iam_member.builder_sources.condition[0].expression))
      && google_project_iam_member.builder_sources.role == "roles/storage.objectViewer"
      && google_storage_bucket_iam_member.builder_bundles.role == "roles/storage.objectViewer"
      && google_project_iam_member.builder_logs.role == "roles/logging.logWriter"
      && google_artifact_registry_repository_iam_member.builder.role == "roles/artifactregistry.writer"
    )
    error_message = "The builder may more than read bundles, write images and log."
  }
  assert {
    condition     = length(google_billing_budget.monthly.threshold_rules) == 4 && length(google_billing_budget.monthly.all_updates_rule[0].monitoring_notification_channels) == 1
    error_message = "The budget tells nobody."
  }
  assert {
    condition     = length(google_monitoring_notification_channel.email) == 1 && length(google_monitoring_alert_policy.kms_errors.notification_channels) == 1
    error_message = "An alert reaches nobody."
  }
  assert {
    condition     = alltrue([for service in google_project_service.this : service.disable_on_destroy == false])
    error_message = "A service is switched off with its data when it leaves the list."
  }
}

run "the_budget_tells_people_by_mail_alone" {
  command = plan
  variables {
    alert_emails   = ["a@example.com", "b@example.com"]
    alert_channels = ["projects/tok-test/notificationChannels/7"]
  }

  assert {
    condition     = length(google_billing_budget.monthly.all_updates_rule[0].monitoring_notification_channels) == 2 && length(google_monitoring_alert_policy.kms_errors.notification_channels) == 3
    error_message = "A budget takes channels of the type e-mail only, an alert any."
  }
}

run "the_budget_tells_five_at_most" {
  command = plan
  variables {
    alert_emails = [for name in ["a", "b", "c", "d", "e", "f"] : "${name}@example.com"]
  }

  assert {
    condition     = length(google_billing_budget.monthly.all_updates_rule[0].monitoring_notification_channels) == 5
    error_message = "A budget with more than five channels is refused."
  }
}

run "people_sign_in_at_this_projects_identity_platform" {
  command = plan

  assert {
    condition     = google_identity_platform_config.this[0].authorized_domains == tolist(["developer.tokapi.io"]) && contains(keys(google_project_service.this), "identitytoolkit.googleapis.com")
    error_message = "Nobody can sign in, or from elsewhere than the portal."
  }
}

run "or_at_an_issuer_that_is_named" {
  command = plan
  variables {
    users = { issuer = "https://id.example.com", audience = "tok", jwks_url = "https://id.example.com/keys" }
  }

  assert {
    condition     = length(google_identity_platform_config.this) == 0
    error_message = "Two places to sign in."
  }
}

run "half_a_proxy_is_refused" {
  command = plan
  variables {
    trusted_proxies = 0.5
  }
  expect_failures = [var.trusted_proxies]
}

run "a_wrong_project_is_refused" {
  command = plan
  variables {
    project_id = "Tok"
  }
  expect_failures = [var.project_id]
}

run "a_region_without_api_gateway_is_refused" {
  command = plan
  variables {
    region = "europe-west3"
  }
  expect_failures = [var.region]
}

run "bank_data_outside_europe_is_refused" {
  command = plan
  variables {
    firestore_location = "us-east1"
  }
  expect_failures = [var.firestore_location]
}

run "a_domain_with_a_scheme_is_refused" {
  command = plan
  variables {
    domains = { live = "https://api.tokapi.io", sandbox = "sandbox.api.tokapi.io" }
  }
  expect_failures = [var.domains]
}

run "alerts_that_reach_nobody_are_refused" {
  command = plan
  variables {
    alert_emails = []
  }
  expect_failures = [var.alert_emails]
}

run "a_short_memory_for_audit_logs_is_refused" {
  command = plan
  variables {
    audit_log_retention_days = 30
  }
  expect_failures = [var.audit_log_retention_days]
}

run "a_threshold_of_nothing_is_refused" {
  command = plan
  variables {
    alert_thresholds = { queue_depth = 0 }
  }
  expect_failures = [var.alert_thresholds]
}
