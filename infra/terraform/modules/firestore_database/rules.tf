locals {
  rules = file(var.rules_path)
}

resource "google_firebaserules_ruleset" "this" {
  project = var.project_id

  source {
    files {
      name    = "firestore.rules"
      content = local.rules
    }
  }

  # A ruleset never changes: a new one is made and released before the old one goes.
  lifecycle {
    create_before_destroy = true
  }

  depends_on = [google_firestore_database.this]
}

resource "google_firebaserules_release" "this" {
  project      = var.project_id
  name         = var.name == "(default)" ? "cloud.firestore" : "cloud.firestore/${var.name}"
  ruleset_name = google_firebaserules_ruleset.this.name
}
