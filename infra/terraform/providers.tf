provider "google" {
  project               = var.project_id
  region                = var.region
  user_project_override = true # budgets are asked for in this project's name
  billing_project       = var.project_id
  default_labels        = local.labels
}

provider "google-beta" {
  project               = var.project_id
  region                = var.region
  user_project_override = true
  billing_project       = var.project_id
  default_labels        = local.labels
}
